"""The command line: a table of verbs, one file each; a verb is a plain function that Python code can call too.

Heavy imports (torch, Optuna, MLflow) happen inside the verbs, so that `--help` is quick.
"""

from __future__ import annotations

import typer

from tuner.cli import data, export, init, proxy, start, status, ui, validate, worker

app = typer.Typer(
    name="tuner",
    help="Find the weights of the terms of a training loss, with evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

for _name, _verb, _example in (
    ("start", start.start, "tuner start quickstart --trials 20"),
    ("worker", worker.worker, "tuner worker quickstart --state /shared/mlruns"),
    ("validate", validate.validate, "tuner validate --baseline baseline --candidate basic --seeds 8"),
    ("status", status.status, "tuner status quickstart --json"),
    ("list", status.list_studies, "tuner list"),
    ("init", init.init, "tuner init --data my_features.pkl"),
    ("data", data.data, "tuner data my_features.pkl"),
    ("export", export.export, "tuner export quickstart --format args"),
    ("ui", ui.ui, "tuner ui --port 5001"),
    ("proxy", proxy.proxy, "tuner proxy --storage postgresql+psycopg://tuner@db/optuna"),
):
    app.command(_name, epilog=f"Example: `{_example}`")(_verb)

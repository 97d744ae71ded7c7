"""The command line: a table of verbs, one file each; a verb is a plain function that Python code can call too.

Heavy imports (torch, Optuna, MLflow) happen inside the verbs, so that `--help` is quick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from tuner._version import __version__
from tuner.cli import (
    adopt,
    attempt,
    data,
    doctor,
    examples,
    export,
    gate,
    init,
    launch,
    proxy,
    race,
    start,
    status,
    ui,
    validate,
    worker,
)

app = typer.Typer(
    name="tuner",
    help="Find the weights of the terms of a training loss, with evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"tuner {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the weights of the terms of a training loss, with evidence."""


VERBS: tuple[tuple[str, Callable[..., None], tuple[str, ...]], ...] = (
    ("start", start.start, ("tuner start quickstart --trials 20", "tuner start --data my_features.npz --name mine")),
    ("try", attempt.attempt, ("tuner try mine.yaml", "tuner try mine.yaml --log train.log")),
    ("status", status.status, ("tuner status quickstart", "tuner status --watch")),
    ("list", status.list_studies, ("tuner list",)),
    (
        "validate",
        validate.validate,
        ("tuner validate --baseline baseline --candidate basic", "tuner validate quickstart --seeds 20"),
    ),
    ("race", race.race, ("tuner race quickstart", "tuner race quickstart --seeds 30")),
    (
        "export",
        export.export,
        ("tuner export quickstart --format args", "tuner export quickstart --format html --output report.html"),
    ),
    ("ui", ui.ui, ("tuner ui", "tuner ui quickstart --port 5001 --open")),
    ("init", init.init, ("tuner init --data my_features.pkl", "tuner init --model")),
    ("adopt", adopt.adopt, ("tuner adopt train.py -- --dataset iemocap", "tuner adopt train.py --no-run")),
    ("data", data.data, ("tuner data my_features.pkl",)),
    ("worker", worker.worker, ("tuner worker quickstart --state /shared/mlruns",)),
    (
        "launch",
        launch.launch,
        ("tuner launch slurm quickstart --workers 8 --set time=4:00:00", "tuner launch k8s quickstart --workers 8"),
    ),
    ("proxy", proxy.proxy, ("tuner proxy --storage postgresql+psycopg://tuner@db/optuna",)),
    ("gate", gate.gate, ("tuner gate quickstart --baseline baseline --candidate basic",)),
    ("examples", examples.examples, ("tuner examples", "tuner examples my_folder")),
    ("doctor", doctor.doctor, ("tuner doctor",)),
)
"""Each verb's name, what it runs and examples, in the order of the help."""

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Of a verb that hands what it does not know on to a script."""

for _name, _verb, _examples in VERBS:
    app.command(
        _name,
        epilog="  \n".join(f"Example: `{example}`" for example in _examples),
        context_settings=PASSED_ON if _name == "adopt" else None,
    )(_verb)

"""`tuner gate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import DATA, AsJson, Device, Population, Project, Quiet, State, Storage, Tracking, open_place
from tuner.cli.show import out
from tuner.errors import InputError
from tuner.system.place import STATE


def gate(
    study: Annotated[str, typer.Argument(help="A search, or a study file: its data and model.")] = "quickstart",
    baseline: Annotated[str, typer.Option(help="A plan, best or trial:N of STUDY, or a config file.")] = "baseline",
    candidate: Annotated[str | None, typer.Option(help="What may replace the baseline, likewise.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the gate and its ledger; default STUDY's.")] = None,
    seeds: Annotated[int, typer.Option(min=6, help="Paired seeds.")] = 10,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a training run.")] = None,
    margin: Annotated[float | None, typer.Option(help="Differences below it do not matter; default 0.01.")] = None,
    data: Annotated[str | None, typer.Option(help=DATA)] = None,
    summary: Annotated[Path | None, typer.Option(help="A file to append the summary to, in Markdown.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one a GPU, or one a core.")] = None,
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    project: Project = None,
    device: Device = None,
    population: Population = None,
    quiet: Quiet = False,
) -> None:
    """Fail a change of loss weights that is shown to be worse: exit code 0 passed, 1 worse.

    The first request fixes study, data, metric, margin, seeds and epochs. All requests of a gate together fail a
    harmless change in at most 5% of cases: each spends a part, and the same change again gets the same answer.
    """
    from tuner.validation.gating import answer, label
    from tuner.validation.options import ValidateOptions
    from tuner.validation.progress import following

    if candidate is None:
        raise InputError("--candidate is missing: expected a plan, best or trial:N of STUDY, or a config file")
    asked = ValidateOptions(
        study=study,
        baseline=baseline,
        candidate=candidate,
        seeds=seeds,
        epochs=epochs,
        margin=margin,
        data=data,
        workers=workers,
        dose_response=False,
        device=device,
        population=population,
    )
    with following(quiet) as (say, look):
        result = answer(
            open_place(state, storage, tracking_uri, project), name or label(study), asked, say=say, look=look
        )
    if summary is not None:
        try:
            with summary.open("a", encoding="utf-8") as file:
                file.write(result["summary"])
        except OSError as error:
            raise InputError(f"--summary {summary} cannot be written: {error.strerror}") from None
    if as_json:
        print(json.dumps(result))
    elif not quiet:
        out.print(result["summary"], soft_wrap=not out.is_terminal, markup=False, highlight=False)
    if not result["passed"]:
        raise typer.Exit(1)


VERBS = (Verb("gate", gate, order=150, examples=("tuner gate quickstart --baseline baseline --candidate basic",)),)

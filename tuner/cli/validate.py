"""`tuner validate`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import (
    DATA,
    AsJson,
    Device,
    Population,
    Project,
    Quiet,
    State,
    Storage,
    Tracking,
    open_place,
    program,
)
from tuner.cli.show import out
from tuner.study.find import options
from tuner.system.place import STATE


def validate(
    study: Annotated[
        str | None, typer.Argument(help="A search whose best config is an arm too, or a study file.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="A plan, best or trial:N of STUDY, or a config file.")] = None,
    candidate: Annotated[str | None, typer.Option(help="What is compared with the baseline, likewise.")] = None,
    seeds: Annotated[int | None, typer.Option(min=2, help="Paired seeds; default 10.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a training run.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one a GPU, or one a core.")] = None,
    data: Annotated[str | None, typer.Option(help=DATA)] = None,
    claims: Annotated[
        str | None, typer.Option(help="Your own recommendation (YAML) instead of the shipped one.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Differences below it do not matter, in the metric's unit; default 0.01.")
    ] = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds until every verdict is clear, --seeds at most.")
    ] = False,
    dose_response: Annotated[bool, typer.Option(help="Also train the weight over a grid.")] = True,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="0: every candidate better or equivalent, 3: inconclusive, 1: not.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    detach: Annotated[
        bool, typer.Option("--detach", help="Only queue it: workers that wait take it; again, for the verdict.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="First look whether each knob of a script does anything.")
    ] = True,
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    project: Project = None,
    device: Device = None,
    population: Population = None,
    quiet: Quiet = False,
) -> None:
    """The verdict on a recommendation, over fresh paired seeds, with its report."""
    from tuner.validation.options import ValidateOptions
    from tuner.validation.progress import following
    from tuner.validation.run import show
    from tuner.validation.run import validate as run

    place = open_place(state, storage, tracking_uri, project)
    asked = ValidateOptions(
        study=study,
        baseline=baseline,
        candidate=candidate,
        seeds=seeds,
        epochs=epochs,
        workers=workers,
        data=data,
        claims=claims,
        margin=margin,
        until_decided=until_decided,
        dose_response=dose_response,
        device=device,
        population=population,
        lang=lang,
        detach=detach,
        try_knobs=check,
    )
    # Progress goes to standard error, so that standard output is one JSON object or the verdict.
    with following(quiet) as (say, look):
        result = run(place, asked, say=say, look=look)
    if as_json:
        print(json.dumps(result))
    elif result.get("state") == "waiting":
        out.print(
            f"{result['name']}: {result['done']} of {result['queued']} seeds done. Workers that wait take the rest: "
            f"{program()} worker{options(place)}\nThe same command again shows the verdict when they are done.",
            soft_wrap=True,
        )
    elif not quiet:
        show(result, out)
    if exit_code and result.get("state") == "waiting":
        raise typer.Exit(3)
    if exit_code:
        verdicts = {c["verdict"] for c in result["comparisons"] if c["candidate"] != "null"}
        raise typer.Exit(1 if "worse" in verdicts else 3 if "inconclusive" in verdicts else 0)


VERBS = (
    Verb(
        "validate",
        validate,
        order=50,
        examples=(
            "tuner validate --baseline baseline --candidate basic",
            "tuner validate quickstart --seeds 20",
        ),
    ),
)

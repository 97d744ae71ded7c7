"""`tuner start`."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import (
    DATA,
    Device,
    Population,
    Project,
    Quiet,
    State,
    Storage,
    Tracking,
    open_place,
    study_files,
)
from tuner.cli.show import out, show_queued, show_result
from tuner.study.find import options
from tuner.system.place import STATE


def start(
    study: Annotated[
        str | None,
        typer.Argument(help="A study in search_spaces/ or a path; default quickstart.", autocompletion=study_files),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study; default the file's name.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all; more than before searches on.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a full training run.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one a GPU, or one a core.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    data: Annotated[str | None, typer.Option(help=DATA)] = None,
    plan: Annotated[
        list[str] | None, typer.Option(help="Config file (of `export`) to try as a plan; repeatable.")
    ] = None,
    warm_start: Annotated[
        str | None, typer.Option("--from", metavar="STUDY", help="An earlier study whose best configs are tried first.")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only queue it: workers that wait (`tuner worker`) take it.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="First look whether each knob of a script does anything.")
    ] = True,
    race: Annotated[
        bool | None,
        typer.Option(
            "--race/--no-race", help="Race its best trials against the baseline; default where it costs little."
        ),
    ] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    project: Project = None,
    device: Device = None,
    population: Population = None,
    quiet: Quiet = False,
) -> None:
    """Run a study to its end with live progress; run again, it resumes."""
    if out.is_terminal and not quiet:
        # Right after the installation, Python compiles the libraries: most of a minute in which nothing else is said.
        out.print("preparing (the first start takes longest)", style="dim")
    from tuner.launch import local
    from tuner.spec import file as study_file
    from tuner.system import device as devices

    place = open_place(state, storage, tracking_uri, project)
    if not (place.made or detach) and study_file.find(study or "quickstart").is_file():
        # A study takes seconds to make, most of them for libraries and for MLflow's database.
        local.warm(devices.resolve(device))
    from tuner.run.options import StartOptions
    from tuner.run.start import run
    from tuner.study.study import open_study

    asked = StartOptions(
        study=study,
        name=name,
        trials=trials,
        epochs=epochs,
        workers=workers,
        seed=seed,
        data=data,
        plans=plan or (),
        warm_start=warm_start,
        device=device,
        population=population,
        detach=detach,
        race=race,
        quiet=quiet,
        try_knobs=check,
    )
    summary = run(place, asked, console=out)
    if detach and not quiet:
        show_queued(summary, options(place))
    elif not quiet:
        show_result(open_study(place, summary["name"]), summary, options(place))
    if summary["state"] == "failed":
        raise typer.Exit(1)


VERBS = (
    Verb(
        "start",
        start,
        order=10,
        examples=(
            "tuner start quickstart --trials 20",
            "tuner start --data my_features.npz --name mine",
        ),
    ),
)

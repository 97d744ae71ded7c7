"""`tuner race`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import AsJson, Device, Quiet, State, Storage, Tracking, open_place
from tuner.cli.show import show_answer
from tuner.study.find import existing
from tuner.system.place import STATE


def race(
    name: Annotated[str, typer.Argument(help="A study whose search has ended.")],
    candidates: Annotated[int, typer.Option(min=1, max=8, help="How many of its best trials race.")] = 3,
    seeds: Annotated[int, typer.Option(min=2, help="Fresh paired seeds at most.")] = 20,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one a GPU, or one a core.")] = None,
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Its best few trials against the baseline under fresh seeds; the outcome is the study's answer."""
    from tuner.study.study import open_study
    from tuner.study.summary import summarise
    from tuner.system import device as devices
    from tuner.validation.progress import following
    from tuner.validation.race import Size, race_finished

    study = open_study(existing(open_place(state, storage, tracking_uri)), name)
    device = devices.resolve(device)
    with following(quiet) as (say, look):
        answer = race_finished(
            study,
            Size(candidates, seeds),
            workers=workers or devices.default_workers(device),
            device=device,
            say=say,
            look=lambda say: look,
        )
    if as_json:
        print(json.dumps(answer.as_data()))
    elif not quiet:
        show_answer(summarise(study))


VERBS = (
    Verb(
        "race",
        race,
        order=60,
        examples=(
            "tuner race quickstart",
            "tuner race quickstart --seeds 30",
        ),
    ),
)

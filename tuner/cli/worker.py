"""`tuner worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli.options import STATE, Device, Quiet, State, Storage, Tracking, open_place


def worker(
    name: Annotated[str, typer.Argument(help="The study to join.")],
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Join a study from anywhere that reaches its storage; ends when no trial waits."""
    from tuner import device as devices
    from tuner import worker as workers
    from tuner.study import open_study
    from tuner.validate import blocks

    resolved = devices.resolve(device)
    place = open_place(state, storage, tracking_uri)
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    validation = blocks.open_validation(place, name)
    if validation is not None:
        count = blocks.work(validation, device=resolved, say=say)
    else:
        count = workers.work(open_study(place, name), device=resolved, say=say)
    say(f"nothing waits in {name}; this worker finished {count}")

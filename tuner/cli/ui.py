"""`tuner ui`."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli.options import STATE, Device, Quiet, State, Storage, Tracking, existing, latest, open_place


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The MLflow UI on 127.0.0.1, opened on the study's own view."""
    from tuner.ui import serve

    place = existing(open_place(state, storage, tracking_uri))
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    raise typer.Exit(serve(place, port, latest(place), say))

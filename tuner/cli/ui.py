"""`tuner ui`."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, Storage, Tracking, open_place
from tuner.errors import InputError
from tuner.study.find import existing, latest
from tuner.system import output
from tuner.system.place import STATE


def ui(
    name: Annotated[str | None, typer.Argument(help="Study to open on; default: the one that was made last.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on; another needs a password.")] = "127.0.0.1",
    allowed_hosts: Annotated[
        str | None, typer.Option(help="Names under which it is reached from elsewhere, with commas.")
    ] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open the study's view in the web browser.")] = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The MLflow UI on 127.0.0.1, opened on the study's own view.

    With `--host` it serves other machines too: then it needs `--allowed-hosts`, and a password in the environment
    variable MLFLOW_TRACKING_PASSWORD (the user is `admin`, or MLFLOW_TRACKING_USERNAME).
    """
    from tuner.run.ui import serve
    from tuner.system.address import is_local

    place = open_place(state, storage, tracking_uri)
    say = (lambda text: None) if quiet else output.say
    names = [host_name.strip() for host_name in (allowed_hosts or "").split(",") if host_name.strip()]
    if is_local(host):
        name = name or latest(existing(place))
    elif place.made and name is None:
        # A server may stand before the first study does.
        with suppress(InputError):
            name = latest(place)
    raise typer.Exit(serve(place, port, name, say, host=host, allowed_hosts=names, browse=browse))


VERBS = (
    Verb(
        "ui",
        ui,
        order=80,
        examples=(
            "tuner ui",
            "tuner ui quickstart --port 5001 --open",
        ),
    ),
)

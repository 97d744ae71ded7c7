"""`tuner proxy`."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, Storage, Tracking, open_place
from tuner.errors import InputError
from tuner.system import output
from tuner.system.place import STATE


def proxy(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 13000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    trusted_network: Annotated[
        bool,
        typer.Option("--trusted-network", help="Needed with --host: everyone who reaches the port may do anything."),
    ] = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Optuna's gRPC proxy in front of a database, for thousands of workers: they use `--storage grpc://HOST:PORT`."""
    from tuner.storage.proxy_server import serve
    from tuner.system.address import is_local

    if not is_local(host) and not trusted_network:
        raise InputError(
            f"a proxy on {host} is open to other machines, and it knows neither passwords nor encryption: "
            "whoever reaches the port can read and change every study. Where only your own machines can, say so with "
            "--trusted-network; elsewhere use an SSH tunnel to 127.0.0.1"
        )
    say = (lambda text: None) if quiet else output.say
    serve(open_place(state, storage, tracking_uri).storage, host, port, say)


VERBS = (Verb("proxy", proxy, order=140, examples=("tuner proxy --storage postgresql+psycopg://tuner@db/optuna",)),)

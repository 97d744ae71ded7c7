"""`tuner launch`."""

from __future__ import annotations

from typing import Annotated

import typer

from trainer.registry import names
from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, Storage, Tracking, open_place
from tuner.system import output
from tuner.system.place import STATE

LAUNCHERS = names("tuner.launch")


def launch(
    where: Annotated[
        str, typer.Argument(metavar="|".join(LAUNCHERS), help="The launcher.", autocompletion=lambda: LAUNCHERS)
    ],
    name: Annotated[
        str | None, typer.Argument(help="The study to join; without one, whatever is queued, for ever.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many; default 1, on this machine one a GPU or core.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of the launcher, repeatable; `--set help` lists them."
        ),
    ] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Start workers on this machine, a SLURM or Ray cluster, or Kubernetes (prints the manifest).

    They join a study that `tuner start` has made, as `tuner worker` does. Each gets one GPU, unless `--device cpu`.
    """
    from tuner.launch import _base

    say = (lambda text: None) if quiet else output.say
    place = open_place(state, storage, tracking_uri)
    _base.launch(where, place, name, count=workers, device=device, given=settings or (), say=say)


VERBS = (
    Verb(
        "launch",
        launch,
        order=130,
        examples=(
            "tuner launch slurm quickstart --workers 8 --set time=4:00:00",
            "tuner launch k8s quickstart --workers 8",
        ),
    ),
)

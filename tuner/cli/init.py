"""`tuner init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tuner.cli.options import STATE, Device, Quiet, State, Storage, Tracking, program
from tuner.cli.show import out
from tuner.errors import InputError


def init(
    data: Annotated[str | None, typer.Option(help="Data to write a study file for; as `start --data`.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; default the data's name.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=1, help="About how long the study may take.")] = 30.0,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Write a commented study file for your data, and say what was guessed."""
    if data is None:
        raise InputError("--data is missing: expected the file to write a study for, like tuner init --data my.npz")
    from tuner.init.study import init as write

    found = write(data, output, minutes=minutes, device=device)
    if quiet:
        return

    def say(text: str) -> None:
        out.print(text, soft_wrap=not out.is_terminal)

    say(f"wrote {escape(found['file'])}; guessed:")
    for what, text in found["guessed"].items():
        say(f"  {what}: {escape(text)}")
    for text in found["problems"]:
        say(f"[yellow]•[/yellow] {escape(text)}")
    say(f"\nNext:\n  {program()} start {escape(found['file'])}")

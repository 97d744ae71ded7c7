"""`tuner export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuner.cli.options import STATE, Device, Quiet, State, Storage, Tracking, existing, open_place
from tuner.cli.show import out
from tuner.errors import InputError


def export(
    name: Annotated[str, typer.Argument(help="The study.")],
    form: Annotated[str, typer.Option("--format", help="yaml, json or args.")] = "yaml",
    output: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The best config in the form that training code takes."""
    from tuner.export import export as render
    from tuner.study import open_study

    text = render(open_study(existing(open_place(state, storage, tracking_uri)), name), form)
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise InputError(f"--output {output} cannot be written: {error.strerror}") from None
    if not quiet:
        out.print(f"wrote {output}")

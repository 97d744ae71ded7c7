"""`tuner init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, Storage, Tracking, program
from tuner.cli.show import out
from tuner.errors import InputError
from tuner.system.place import STATE


def init(
    data: Annotated[str | None, typer.Option(help="Data to write a study file for; as `start --data`.")] = None,
    model: Annotated[
        bool, typer.Option("--model", help="Write a template for a model of your own too, and a study of that.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write; default the data's name, or my_model.yaml."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=1, help="About how long the study may take; default 30.", show_default=False)
    ] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Write a commented study file for your data, or with `--model` a template of a model and a study of that."""
    if data is None and not model:
        raise InputError(
            "--data is missing: expected the file to write a study for, like tuner init --data my.npz, "
            "or --model for a template of a model of your own"
        )
    if model and minutes is not None:
        raise InputError("--minutes goes with --data alone: how long the model of --model takes is up to you")
    found = _model(data, output) if model else _study(data or "", output, minutes or 30.0, device)
    if quiet:
        return

    def say(text: str) -> None:
        out.print(text, soft_wrap=not out.is_terminal)

    written = " and ".join(found[what] for what in ("model", "file") if what in found)
    say(f"wrote {written}; {'assumed' if model else 'guessed'}:")
    for what, text in found["guessed"].items():
        say(f"  {what}: {text}")
    for text in found["problems"]:
        say(f"• {text}")
    say(f"\nNext:\n  {program()} start {found['file']}")


def _study(data: str, output: Path | None, minutes: float, device: str | None) -> dict[str, Any]:
    from tuner.init.study import init as write

    return write(data, output, minutes=minutes, device=device)


def _model(data: str | None, output: Path | None) -> dict[str, Any]:
    from tuner.init.model import init as write

    return write(data, output)


VERBS = (
    Verb(
        "init",
        init,
        order=90,
        examples=(
            "tuner init --data my_features.pkl",
            "tuner init --model",
        ),
    ),
)

"""`tuner examples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Quiet, program
from tuner.cli.show import out


def examples(
    folder: Annotated[Path, typer.Argument(help="Where to put them; made where it does not exist.")] = Path("examples"),
    quiet: Quiet = False,
) -> None:
    """Copy the example scripts, models, notebook and the shipped study files into a folder."""
    from tuner.init.examples import copy

    written = copy(folder)
    if quiet:
        return
    for path in written:
        out.print(f"wrote {path}", soft_wrap=not out.is_terminal, markup=False)
    out.print(f"\nNext:\n  cd {folder}\n  {program()} start joyful_style.yaml", markup=False)


VERBS = (
    Verb(
        "examples",
        examples,
        order=160,
        examples=(
            "tuner examples",
            "tuner examples my_folder",
        ),
    ),
)

"""`tuner adopt`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, Storage, Tracking, program
from tuner.cli.show import out
from tuner.system.place import STATE


def adopt(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(help="A training script of yours, in Python. It is not edited.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="The study file to write; default the script's name.")
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Only read the code; run nothing.")] = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Make a study of a training script: reads it, tries it briefly, writes a study file and a page of findings.

    Arguments after SCRIPT are those that you run it with today. What stands after -- is the script's in any case.
    """
    from tuner.adopt.adopt import adopt as read_and_try
    from tuner.adopt.text import TITLES

    def say(text: str) -> None:
        if not quiet:
            out.print(text, style="dim", soft_wrap=not out.is_terminal)

    def agreed(command: str) -> bool:
        if no_run:
            return False
        if quiet or not sys.stdin.isatty():
            return True
        out.print(f"It would now be run a few times, for a few epochs each:\n  {command}", soft_wrap=True)
        return typer.confirm("Run it?", default=True)

    done = read_and_try(script, context.args, output=output, device=device, run=agreed, say=say)
    if quiet:
        return

    def show(text: str) -> None:
        out.print(text, highlight=False, soft_wrap=not out.is_terminal)

    read = done.reading
    show(f"read {len(read.files)} file{'s' if len(read.files) > 1 else ''}: {len(read.options)} options")
    for one in done.plan.knobs:
        show(f"  {one.option.name}: {one.why}")
    for name, why in done.plan.left_out.items():
        show(f"  {name}: not searched; {why}")
    show(f"  searched by {done.plan.objective}, {done.plan.direction}")
    for finding in done.findings:
        where = f" ({finding.where})" if finding.where else ""
        show(f"• {TITLES[finding.kind]}: {finding.text + where}")
    for note in done.plan.notes:
        show(f"• Check: {note}")
    for text in done.tried:
        show(f"  tried: {text}")
    show(f"wrote {done.file!s} and {done.page!s}")
    show(f"\nNext:\n  {program()} start {done.file!s}")


VERBS = (
    Verb(
        "adopt",
        adopt,
        order=100,
        examples=(
            "tuner adopt train.py -- --dataset iemocap",
            "tuner adopt train.py --no-run",
        ),
        passes_on=True,
    ),
)

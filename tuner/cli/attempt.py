"""`tuner try`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, study_files
from tuner.cli.show import out
from tuner.errors import InputError, UserCodeError
from tuner.system.place import STATE

if TYPE_CHECKING:
    from tuner.spec.model import Spec
    from tuner.worker.script.epochs import Epochs
    from tuner.worker.script.reading import Reading

MOST_LINES, WIDTH = 40, 100
ENOUGH = 2
"""Epochs with the objective after which a short trial is stopped."""


def attempt(
    study: Annotated[str, typer.Argument(help="A study file that runs a script.", autocompletion=study_files)],
    log: Annotated[Path | None, typer.Option(help="A log that is there, instead of a short run.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long the short run may take.")] = 300.0,
    state: State = STATE,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """One short trial of a script, or a log that is there: what each metric pattern finds."""
    from tuner.spec import file as study_file
    from tuner.worker.script.reading import read_log

    spec = study_file.load(study)
    if spec.command is None:
        raise InputError(f"study {study} runs no script; `tuner start` tries a model before it makes a study of it")
    broken, epochs = "", None
    if log is None:
        log, epochs, broken = _run(spec, state / "try" / study_file.find(study).stem, device, seconds, quiet)
    reading = read_log(spec, log)
    if not quiet:
        _show(spec, reading, epochs or reading.epochs, log)
    if broken:
        out.print(f"\n[red]{escape(broken)}[/red]", soft_wrap=True)
    if not (epochs or reading.epochs).best()[0] or broken:
        raise typer.Exit(1)


def _run(spec: Spec, folder: Path, device: str | None, seconds: float, quiet: bool) -> tuple[Path, Epochs, str]:
    """Run the baseline until it has reported a few epochs; returns the log, what it reported and why it failed."""
    import shutil
    import time

    from tuner.launch import _tryout as tryout
    from tuner.study import own_code
    from tuner.system import device as devices
    from tuner.worker.script.train import Run

    class Enough(Exception):
        pass

    tryout.check(spec)
    shutil.rmtree(folder, ignore_errors=True)
    run = Run(0, spec.named()["baseline"], spec, folder.absolute(), devices.resolve(device), spec.seed)
    until, told = time.monotonic() + seconds, set[int]()
    if not quiet:
        out.print(f"{own_code.notice(spec)}, for {ENOUGH} epochs or {seconds:g} s", soft_wrap=True, markup=False)

    def report(reports: list) -> list[int]:
        told.update(r.epoch for r in reports if spec.objective in r.metrics)
        return [0] if len(told) >= ENOUGH else []

    def between() -> None:
        if time.monotonic() > until:
            raise Enough

    broken = ""
    try:
        run.to_its_end(report, between, lambda text: out.print(text, markup=False))
    except Enough:
        broken = "" if told else f"{spec.objective} was not reported within {seconds:g} s; give it more with --seconds"
    except UserCodeError as error:
        broken = str(error)
    return run.log, run.epochs, broken


def _show(spec: Spec, reading: Reading, epochs: Epochs, log: Path) -> None:
    out.print(f"{log}: {reading.total} lines, {len(reading.lines)} of them say something", soft_wrap=True, markup=False)
    for line in reading.lines[:MOST_LINES]:
        event = line.event
        said = [
            f"{name} {value:g}" for name, value in (("epoch", event.epoch), ("step", event.step)) if value is not None
        ]
        said += [f"fold {event.fold}"] if event.fold is not None else []
        said += [f"{name} {value:g}" for name, value in event.metrics.items() if name != "step"]
        out.print(f"  line {line.number}: {', '.join(said)}", markup=False, soft_wrap=True)
        out.print(f"    {line.text[:WIDTH]}", style="dim", markup=False, soft_wrap=True)
    if len(reading.lines) > MOST_LINES:
        out.print(f"  and {len(reading.lines) - MOST_LINES} more")
    for name, count in reading.matches.items():
        found = f"found {count} numbers" if count else "[yellow]matched no line[/yellow]"
        out.print(f"pattern {escape(name)}: {found}", soft_wrap=True)
    if reading.unread:
        out.print(f"[yellow]could not be read: {escape(reading.unread)}[/yellow]", soft_wrap=True)
    for note in epochs.notes():
        out.print(f"[yellow]{note}[/yellow]", soft_wrap=True)
    told = [e for e, values in epochs.values.items() if spec.objective in values]
    if not epochs.best()[0]:
        there = ", ".join(epochs.names()) or "no metric at all"
        out.print(f"[red]{escape(spec.objective)} was not found[/red]; what was: {escape(there)}", soft_wrap=True)
        return
    shown = ", ".join(map(str, sorted(told)[:10]))
    out.print(
        f"{escape(spec.objective)} at epoch {shown or epochs.best()[0]}; best {epochs.best()[1]:g}", soft_wrap=True
    )


VERBS = (
    Verb(
        "try",
        attempt,
        order=20,
        examples=(
            "tuner try mine.yaml",
            "tuner try mine.yaml --log train.log",
        ),
    ),
)

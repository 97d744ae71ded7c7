"""What would be read of a log, line by line: for whoever writes the patterns of a study file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import InputError
from tuner.spec.model import Spec
from tuner.worker.script.epochs import Epochs
from tuner.worker.script.lines import Tail, plain
from tuner.worker.script.metrics import Event, Log


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log that says something."""

    number: int
    text: str
    event: Event


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was found in a log."""

    lines: Sequence[Line]
    total: int
    """lines of the log"""
    matches: dict[str, int]
    """numbers found by each pattern"""
    unread: str
    """the last thing that could not be read; empty where there was none"""
    epochs: Epochs


def read_log(spec: Spec, path: Path) -> Reading:
    """Read a log as a trial's would be. Raises InputError where it is not there."""
    if not path.is_file():
        raise InputError(f"--log {path}: there is no such file")
    log, epochs = Log(path, spec.script.metrics, spec.objective), Epochs(spec.goal)
    found, total = [], 0
    for total, text in enumerate(Tail(path).lines(final=True), start=1):
        if (event := log.read(text)) is not None:
            epochs.add(event)
            found.append(Line(total, plain(text).strip(), event))
    return Reading(found, total, dict(log.matches), log.unread.last if log.unread.count else "", epochs)

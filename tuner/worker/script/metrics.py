"""What a running script says: lines of its log, of a metrics file, of `trainer.report`, put together by epoch."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Event = tuple[int | None, dict[str, float]]
"""An epoch as the script numbers it, where it was said, and what was measured."""
EPOCH = "epoch"


class Tail:
    """The lines that another process appends to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at, self._rest = 0, b""

    def lines(self, final: bool = False) -> list[str]:
        """Complete lines since the last call; `final`: what is left, complete or not. A progress bar's carriage
        return ends a line too. None while there is no file; from the start where the file was written anew."""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._at:
                    self._at, self._rest = 0, b""
                file.seek(self._at)
                new = file.read()
        except OSError:
            return []
        self._at += len(new)
        *whole, self._rest = re.split(rb"[\r\n]+", self._rest + new)
        if final:
            whole, self._rest = [*whole, self._rest], b""
        return [line.decode(errors="replace") for line in whole if line]


class Log:
    """The script's output: JSON objects, and whatever the study file has a regular expression for."""

    def __init__(self, path: Path, patterns: Mapping[str, str], objective: str) -> None:
        self.tail = Tail(path)
        self.patterns = {name: re.compile(pattern) for name, pattern in patterns.items()}
        self.objective = objective
        self.unreadable = ""
        """the last text that a pattern found and that is no number"""

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new lines say."""
        for line in self.tail.lines(final):
            event = self._json(line) or self._matches(line)
            if event:
                yield event

    def _json(self, line: str) -> Event | None:
        """Only an object with an epoch or the objective: a script may print its settings as JSON too."""
        event = json_event(line)
        return event if event and (event[0] is not None or self.objective in event[1]) else None

    def _matches(self, line: str) -> Event | None:
        found: dict[str, float] = {}
        for name, pattern in self.patterns.items():
            match = pattern.search(line)
            if match:
                try:
                    found[name] = float(match[1])
                except (TypeError, ValueError):
                    self.unreadable = f"the pattern of {name} found {match[1]!r}, which is no number"
        epoch = found.pop(EPOCH, None)
        return (None if epoch is None else int(epoch), found) if found or epoch is not None else None


class JsonLines:
    """A file with one JSON object a line, as `trainer.report` writes it."""

    def __init__(self, path: Path) -> None:
        self.tail = Tail(path)

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new lines say."""
        yield from filter(None, map(json_event, self.tail.lines(final)))


class CsvRows:
    """A CSV file with a header. It is read whole each time it changes: some loggers write it anew each epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp, self._rows = (0, 0), 0

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new rows say; the last row only once it is complete."""
        try:
            stat = self.path.stat()
            if (stat.st_mtime_ns, stat.st_size) == self._stamp and not final:
                return
            self._stamp = stat.st_mtime_ns, stat.st_size
            text = self.path.read_text(errors="replace")
        except OSError:
            return
        if not final:
            text = text[: text.rfind("\n") + 1]
        rows = list(csv.DictReader(text.splitlines()))
        for row in rows[self._rows :]:
            values = {
                name.strip(): number for name, text in row.items() if name and (number := _number(text)) is not None
            }
            epoch = values.pop(EPOCH, None)
            if values:
                yield None if epoch is None else int(epoch), values
        self._rows = len(rows)


def json_event(line: str) -> Event | None:
    """The numbers of a JSON object; None for anything else."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    numbers = {
        str(name): float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    epoch = numbers.pop(EPOCH, None)
    return (int(epoch) if epoch is not None and math.isfinite(epoch) else None, numbers) if numbers else None


def _number(text: str | Sequence[str] | None) -> float | None:
    try:
        return float(text) if isinstance(text, str) and text.strip() else None
    except ValueError:
        return None


class Epochs:
    """Metrics by epoch, from 1, whatever the script counts from, and what of them is due to be reported."""

    def __init__(self, objective: str) -> None:
        self.objective = objective
        self.values: dict[int, dict[str, float]] = {}
        self._now, self._said, self._shift = 0, False, 0
        self._sent: dict[int, set[str]] = {}

    def add(self, event: Event) -> None:
        """Take an event in. One that names no epoch belongs to the last one that was named, and starts the next where
        that epoch has the objective already; where none is ever named, where it has any of these metrics already.
        What an epoch has, it keeps."""
        epoch, metrics = event
        if epoch is not None:
            if not self._said and epoch == 0:
                self._shift = 1
            self._said = True
            self._now = max(1, epoch + self._shift)
        else:
            self._now = max(1, self._now)
            known = self.values.get(self._now, {})
            again = [name for name in metrics if name in known]
            if self.objective in again or (again and not self._said):
                self._now += 1
        there = self.values.setdefault(self._now, {})
        for name, value in metrics.items():
            there.setdefault(name, value)

    def due(self, final: bool = False) -> Iterator[tuple[int, dict[str, float]]]:
        """What is new, by epoch: as soon as an epoch has the objective, or is over."""
        for epoch in sorted(self.values):
            values, sent = self.values[epoch], self._sent.setdefault(epoch, set())
            new = {name: value for name, value in values.items() if name not in sent}
            if new and (self.objective in values or epoch < self._now or final):
                sent.update(new)
                yield epoch, new

    def curves(self) -> dict[str, list[float]]:
        """Each metric by epoch; NaN where an epoch did not say it."""
        names = dict.fromkeys(name for values in self.values.values() for name in values)
        last = max(self.values, default=0)
        return {name: [self.values.get(e, {}).get(name, math.nan) for e in range(1, last + 1)] for name in names}

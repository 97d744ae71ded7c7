"""What a running script says: lines of its log, of a metrics file, of `trainer.report`."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tuner.worker.script.lines import Tail, plain
from tuner.worker.script.numbers import LONGEST_LINE, flat, number, objects

EPOCH, FOLD = "epoch", "fold"
STEPS = ("step", "global_step", "iteration", "iter")
"""What counts where a script names no epoch, in the order in which they are looked for."""
_RANK = re.compile(r"^\[(?:rank|default)(\d+)\]:\s?")


class Event(NamedTuple):
    """Something that a script measured."""

    epoch: float | None
    """as the script numbers it; None where it was not said"""
    metrics: dict[str, float]
    fold: str | None = None
    """of a cross-validation, where it was said"""
    step: float | None = None
    """where it was said, and no epoch"""


class Unread:
    """What could not be read: counted, and the last of it kept for the message."""

    def __init__(self) -> None:
        self.count, self.last = 0, ""

    def add(self, why: str) -> None:
        """One more."""
        self.count, self.last = self.count + 1, why


class Source(Protocol):
    """Something that a script says its metrics in."""

    unread: Unread

    def events(self, final: bool = False) -> Iterator[Event]:
        """What is new; final: the script has ended."""


class Log:
    """The script's output: JSON objects, and whatever the study file has a regular expression for."""

    def __init__(self, path: Path, patterns: Mapping[str, str], objective: str) -> None:
        self.tail = Tail(path)
        named = {EPOCH if name == "step" and EPOCH not in patterns else name: p for name, p in patterns.items()}
        self.patterns = {name: re.compile(pattern) for name, pattern in named.items()}
        self.objective = objective
        self.unread = Unread()
        self.matches = dict.fromkeys(patterns, 0)
        """how often each pattern has found a number"""

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new lines say."""
        for line in self.tail.lines(final):
            if (event := self.read(line)) is not None:
                yield event

    def read(self, line: str) -> Event | None:
        """What one line says. Of several processes that train together only the first counts."""
        line = plain(line[:LONGEST_LINE])
        rank = _RANK.match(line)
        if rank:
            if int(rank[1]) > 0:
                return None
            line = line[rank.end() :]
        said, matched = self._json(line), self._matches(line)
        if said is None or matched is None:
            return said or matched
        return Event(
            said.epoch if matched.epoch is None else matched.epoch,
            {**said.metrics, **matched.metrics},
            matched.fold or said.fold,
            said.step,
        )

    def _json(self, line: str) -> Event | None:
        """Only an object with an epoch or the objective: a script may print its settings as JSON too."""
        if "{" not in line:
            return None
        for found in objects(line):
            event = event_of(flat(found), self.objective, self.unread)
            if event and (event.epoch is not None or event.fold is not None or self.objective in event.metrics):
                return event
        return None

    def _matches(self, line: str) -> Event | None:
        found: dict[str, float] = {}
        fold = None
        for name, pattern in self.patterns.items():
            match = pattern.search(line)
            if match is None:
                continue
            value = number(match[1])
            if name == FOLD and match[1]:
                fold = match[1].strip()[:40]
            elif value is None:
                self.unread.add(f"the pattern of {name} found {match[1]!r}, which is no number")
                continue
            else:
                found[name] = value
            self.matches[name if name in self.matches else "step"] += 1
        if not found and fold is None:
            return None
        return event_of(found, self.objective, self.unread, fold)


class JsonLines:
    """A file with one JSON object a line, as `trainer.report` writes it."""

    def __init__(self, path: Path, objective: str = "") -> None:
        self.tail, self.objective = Tail(path), objective
        self.unread = Unread()
        self.taken = 0
        """lines that were read"""

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new lines say."""
        for line in self.tail.lines(final):
            self.taken += 1
            found = next(objects(plain(line)), None)
            if found is None:
                self.unread.add(f"{self.tail.path.name} has a line that is no JSON object: {line[:80]!r}")
            elif (event := event_of(flat(found), self.objective, self.unread)) is not None:
                yield event


class CsvRows:
    """A table with a header, its cells separated by commas, semicolons or tabs. It is read whole each time it changes:
    some loggers write it anew each epoch."""

    def __init__(self, path: Path, objective: str = "") -> None:
        self.path, self.objective = path, objective
        self.unread = Unread()
        self._stamp, self._rows = (0, 0), 0

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new rows say; the last row only once it is complete."""
        try:
            stat = self.path.stat()
            if (stat.st_mtime_ns, stat.st_size) == self._stamp and not final:
                return
            self._stamp = stat.st_mtime_ns, stat.st_size
            text = self.path.read_text(encoding="utf-8-sig", errors="replace").replace("\0", "")
        except OSError:
            return
        if not final:
            text = text[: text.rfind("\n") + 1]
        lines = text.splitlines()
        separator = max(",;\t|", key=lines[0].count) if lines else ","
        rows: list[dict[Any, Any]] = []
        try:
            for row in csv.DictReader(lines, delimiter=separator):
                rows.append(row)  # what was read before a broken row counts
        except csv.Error as error:
            self.unread.add(f"{self.path.name}: {error}")
        for row in rows[self._rows :]:
            if (event := self._event(row, separator)) is not None:
                yield event
        self._rows = len(rows)

    def _event(self, row: Mapping[Any, Any], separator: str) -> Event | None:
        values = {}
        for name, cell in row.items():
            if name and isinstance(cell, str) and cell.strip():
                # A table with semicolons has commas in its numbers where the language writes them so.
                text = cell.replace(",", ".") if separator == ";" and "." not in cell else cell
                if (value := number(text)) is not None:
                    values[name.strip()] = value
        event = event_of(values, self.objective, self.unread)
        return event if event and event.metrics else None


def event_of(
    numbers: dict[str, float], objective: str = "", unread: Unread | None = None, fold: str | None = None
) -> Event | None:
    """An event of what was measured by name, the epoch, step and fold among it; None where nothing was."""
    if not numbers and fold is None:
        return None
    numbers = dict(numbers)
    if objective not in numbers:
        # Nested mappings are named with slashes; who writes the objective with dots means the same.
        same = [name for name in numbers if "/" in name and name.replace("/", ".") == objective]
        if same:
            numbers[objective] = numbers.pop(same[0])
    epoch = _pop(numbers, (EPOCH, "Epoch"), unread)
    if fold is None and (found := _pop(numbers, (FOLD, "Fold"), unread)) is not None:
        fold = f"{found:g}"
    step = None
    if epoch is None:
        step = next((numbers[name] for name in STEPS if math.isfinite(numbers.get(name, math.nan))), None)
    if not numbers and epoch is None and fold is None:
        return None
    return Event(epoch, numbers, fold, step)


def _pop(numbers: dict[str, float], names: tuple[str, ...], unread: Unread | None) -> float | None:
    for name in names:
        if name in numbers:
            value = numbers.pop(name)
            if math.isfinite(value) and abs(value) < 1e12:
                return value
            if unread is not None:
                unread.add(f"{name} is {value:g}, which is no number to count by")
    return None

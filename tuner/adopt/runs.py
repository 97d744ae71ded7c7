"""Short runs of a script, and whether two of them are the same."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.metrics import EpochReport
from tuner.errors import UserCodeError
from tuner.spec.model import Spec
from tuner.worker.script.train import train

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\bnan\b|\binf\b")
LARGEST = 4_000_000
"""Characters of a log that are compared."""


@dataclass
class Run:
    """What one short run said."""

    reports: dict[int, dict[str, float]] = field(default_factory=dict)
    """metrics by epoch"""
    times: list[float] = field(default_factory=list)
    """seconds from the start to the first report of each epoch"""
    log: str = ""
    complete: bool = False
    """whether the script ended by itself, with exit code 0"""
    failure: str = ""
    """why it ended otherwise, in a line"""
    late: bool = False
    """whether it was stopped at the limit of time"""

    @property
    def seconds_an_epoch(self) -> float:
        """Between two reports; to the first one where there is no other."""
        if len(self.times) > 1:
            return (self.times[-1] - self.times[0]) / (len(self.times) - 1)
        return self.times[0] if self.times else math.nan


class _Late(Exception):
    """The limit of time."""


def run(
    spec: Spec,
    knobs: Mapping[str, Any],
    folder: Path,
    *,
    device: str,
    seed: int,
    seconds: float,
    first: float | None = None,
    stop: Callable[[Run], bool] = lambda run: False,
) -> Run:
    """Run the script with these knobs, until it ends, `stop` says so after a report, or the time is over.

    seconds: at most, in all; first: at most until the first report. Its log and what it writes into its own folder are
    in `folder`.
    """
    made, began = Run(), time.monotonic()

    def report(reports: list[EpochReport]) -> tuple[int, ...]:
        for one in reports:
            if one.epoch not in made.reports:
                made.times.append(time.monotonic() - began)
            made.reports.setdefault(one.epoch, {}).update(one.metrics)
        return (0,) if stop(made) else ()

    def between() -> None:
        passed = time.monotonic() - began
        if passed > seconds or (first is not None and not made.reports and passed > first):
            raise _Late

    try:
        config = spec.vocabulary.config({**spec.fixed, **knobs})
        results = train([config], spec, folders=[folder], device=device, seed=seed, report=report, between=between)
        made.complete = results[0].state == "complete"
    except _Late:
        made.late = True
    except UserCodeError as error:
        made.failure = str(error).strip().splitlines()[-1]
    made.log = _log(folder)
    return made


def _log(folder: Path) -> str:
    try:
        with (folder / "log.txt").open(errors="replace") as file:
            return file.read(LARGEST).replace(str(folder), "{output}")
    except OSError:
        return ""


def unequal(one: Run, other: Run) -> set[str]:
    """Names of metrics that differ in an epoch that both reported."""
    found = set()
    for epoch in one.reports.keys() & other.reports.keys():
        mine, theirs = one.reports[epoch], other.reports[epoch]
        found |= {name for name in mine.keys() & theirs.keys() if not _same(mine[name], theirs[name])}
    return found


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def numbers(run: Run, echoed: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    """The numbers of each line of a log that has some; without lines that echo settings.

    echoed: texts of the values that differ between runs on purpose; a line that holds one of them is told by the knob
    itself and says nothing of its effect.
    """
    lines: list[tuple[str, ...]] = []
    for line in run.log.splitlines():
        if any(re.search(rf"(?<![\w.]){re.escape(text)}(?![\w.])", line) for text in echoed):
            lines.append(("echo",))
        elif found := tuple(NUMBER.findall(line)):
            lines.append(found)
    return lines


def lines_differ(one: Run, other: Run, again: Run, echoed: frozenset[str]) -> bool:
    """Whether the logs of two runs differ in a number in which two equal runs, `one` and `again`, do not.

    As far as both go. Times differ between equal runs too, and count for nothing.
    """
    mine, theirs, same = numbers(one, echoed), numbers(other, echoed), numbers(again, echoed)
    for at, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        c = same[at] if at < len(same) else a
        if a == b or ("echo",) in (a, b):
            continue
        if len(a) != len(b) or len(a) != len(c):
            return a == c
        if any(x != y and x == z for x, y, z in zip(a, b, c, strict=True)):
            return True
    return False


def digits(run: Run) -> int:
    """Significant digits of the finest number that a run reported: what an effect could be seen in."""
    most = 0
    for metrics in run.reports.values():
        for value in metrics.values():
            if math.isfinite(value) and value != 0:
                most = max(most, len(f"{abs(value):.12g}".replace(".", "").strip("0").split("e")[0]))
    return most

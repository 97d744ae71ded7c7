"""What a script measured, put together by epoch; by stated rules where it repeats itself or starts over.

An epoch that is evaluated several times keeps its best evaluation: the objective, and what was said from there to the
next evaluation. Of other metrics the last value counts. Half epochs (1.5) belong to the epoch in which they end. An
evaluation that follows the last epoch, where no epoch before had so many, is a final re-evaluation and left aside. A
script that begins to count anew is counted on. Each of these is noted, and none ends a trial.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from statistics import fmean

from trainer.objective import Objective
from tuner.worker.script.metrics import Event

DENSE = 2_000
"""Above so many, curves hold only the epochs that were reported: a script may count steps."""
NEAR = 1e-6
"""Epochs as a quotient of steps miss a whole number by rounding."""


@dataclass(slots=True)
class _Cursor:
    """Where one source of a script's metrics stands."""

    epoch: int = 0
    """the one that is being told about, from 1; 0 before anything was said"""
    first: float | None = None
    """the first number that was said, None while none was"""
    number: float = -math.inf
    """the last one"""
    offset: int = 0
    """what is added since the script began to count anew"""
    names_first: bool = True
    """whether an epoch is named before its objective is told"""
    by_steps: bool = False
    """whether steps are what it counts, since no epoch was named before the first evaluation"""
    fold: str | None = None
    counts: dict[int, int] = field(default_factory=dict)
    """evaluations of the objective by epoch"""
    evaluated: float | None = None
    """the number at which the objective was told last"""
    said: set[tuple[int, str]] = field(default_factory=set)
    skips: bool = False
    """whether what an epoch has already is not to be replaced: the evaluation is not the one that counts"""


class Epochs:
    """Metrics by epoch, from 1, whatever the script counts from, and what of them is due to be reported."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.values: dict[int, dict[str, float]] = {}
        self.folds: dict[str, Epochs] = {}
        """of a cross-validation, in the order in which they came"""
        self.repeated, self.aside, self.restarts = 0, 0, 0
        self._cursors: dict[Hashable, _Cursor] = {}
        self._sent: dict[int, dict[str, float]] = {}
        self._part: set[int] = set()
        """epochs of which only a part was trained when they were evaluated last"""
        self._now = 0

    def add(self, event: Event, source: Hashable = 0) -> None:
        """Take an event in. One that names no epoch belongs to the last one that was named, or, in a script that names
        an epoch after its objective, starts the next where that one has the objective already; where none is ever
        named, where it has any of these metrics already."""
        cursor = self._cursors.setdefault(source, _Cursor())
        if event.fold is not None:
            cursor.fold = event.fold
        if cursor.fold is not None:
            self.folds.setdefault(cursor.fold, Epochs(self.objective)).add(event._replace(fold=None), source)
            return
        number = event.epoch
        if number is None and event.step is not None and self.objective.metric in event.metrics:
            cursor.by_steps |= cursor.first is None
            number = event.step if cursor.by_steps else None
        if number is not None:
            self._named(cursor, number, event.metrics)
        else:
            self._unnamed(cursor, event.metrics)
        self._now = max(self._now, cursor.epoch)
        self._take(cursor, event.metrics, number)

    def _named(self, cursor: _Cursor, number: float, metrics: dict[str, float]) -> None:
        metric = self.objective.metric
        if cursor.first is None:
            cursor.first = number
            cursor.names_first = not cursor.counts
        begun = math.floor(number) + 1 if cursor.first == 0 else math.ceil(number - NEAR)
        epoch = max(1, begun) + cursor.offset
        back = number < cursor.number and number <= cursor.first
        known = any((epoch, name) in cursor.said for name in metrics or (metric,))
        if back and known:
            self.restarts += 1
            cursor.offset = max((e for e, _ in cursor.said), default=0)
            epoch = max(1, begun) + cursor.offset
        cursor.epoch, cursor.number = epoch, number
        if metric in metrics or epoch not in self.values:
            whole = number == 0 or abs(number - round(number)) < NEAR
            (self._part.discard if whole else self._part.add)(epoch)

    def _unnamed(self, cursor: _Cursor, metrics: dict[str, float]) -> None:
        cursor.epoch = max(1, cursor.epoch)
        again = [name for name in metrics if (cursor.epoch, name) in cursor.said]
        if cursor.first is not None and cursor.names_first:
            return
        if self.objective.metric in again or (again and cursor.first is None):
            cursor.epoch += 1

    def _take(self, cursor: _Cursor, metrics: dict[str, float], number: float | None) -> None:
        epoch, metric = cursor.epoch, self.objective.metric
        values = self.values.setdefault(epoch, {})
        if metric in metrics:
            count = cursor.counts[epoch] = cursor.counts.get(epoch, 0) + 1
            usual = max((n for e, n in cursor.counts.items() if e < epoch), default=math.inf)
            moved = number is not None and number != cursor.evaluated
            cursor.skips = False
            if count > usual and not moved:
                cursor.skips = True
                self.aside += 1
            elif metric in values:
                cursor.skips = not self._better(metrics[metric], values[metric])
                self.repeated += count > 1
            cursor.evaluated = cursor.number
        for name, value in metrics.items():
            if name not in values or not cursor.skips:
                values[name] = value
            cursor.said.add((epoch, name))

    def _better(self, value: float, than: float) -> bool:
        """What is not finite replaces whatever was there: a training that diverged is not to be overlooked."""
        return not math.isfinite(value) or self.objective.better(value, than)

    def due(self, final: bool = False) -> Iterator[tuple[int, dict[str, float]]]:
        """What is new, by epoch: as soon as an epoch has the objective and is whole, or is over. Of a cross-validation
        each fold under a name of its own, and the first under the plain names too."""
        for epoch in sorted(self.values):
            values, sent = self.values[epoch], self._sent.setdefault(epoch, {})
            over = epoch < self._now or final
            if not over and (self.objective.metric not in values or epoch in self._part):
                continue
            new = {n: v for n, v in values.items() if n not in sent or (_differ(sent[n], v) and (over or n == "epoch"))}
            objective = self.objective.metric
            if objective in sent and _differ(sent[objective], values[objective]):
                new[objective] = values[objective]
            if new:
                sent.update(new)
                yield epoch, new
        for i, (name, fold) in enumerate(self.folds.items()):
            for epoch, new in fold.due(final or i < len(self.folds) - 1):
                yield epoch, (new if i == 0 else {}) | {f"{metric}/fold-{name}": v for metric, v in new.items()}

    def best(self) -> tuple[int, float]:
        """Best epoch and value of the objective; (0, NaN) where there is none. Of a cross-validation the mean of the
        folds' best values, and the best epoch of the first."""
        if self.folds:
            bests = [fold.best() for fold in self.folds.values()]
            values = [value for epoch, value in bests if epoch]
            return (max(bests[0][0], 1), fmean(values)) if values else (0, math.nan)
        found = (0, math.nan)
        for epoch in sorted(self.values):
            value = self.values[epoch].get(self.objective.metric, math.nan)
            if math.isfinite(value) and (not found[0] or self.objective.better(value, found[1])):
                found = epoch, value
        return found

    def test(self) -> dict[str, float]:
        """What begins with `test`, of the best epoch, else the last that was said; of a cross-validation the mean of
        the folds, and each."""
        if self.folds:
            scores = {name: fold.test() for name, fold in self.folds.items()}
            names = dict.fromkeys(metric for test in scores.values() for metric in test)
            mean = {metric: fmean(t[metric] for t in scores.values() if metric in t) for metric in names}
            each = {f"{m}/fold-{name}": value for name, test in scores.items() for m, value in test.items()}
            return mean | each
        best, _ = self.best()
        found: dict[str, float] = {}
        for epoch in [*sorted(self.values), best]:
            said = self.values.get(epoch, {})
            found |= {n: v for n, v in said.items() if n.startswith("test") and math.isfinite(v)}
        return found

    def last(self) -> int:
        """The last epoch that was trained."""
        return max([*self.values, *(fold.last() for fold in self.folds.values())], default=0)

    def names(self) -> list[str]:
        """All metrics, in the order in which they came."""
        there = [self, *self.folds.values()]
        return list(dict.fromkeys(name for one in there for values in one.values.values() for name in values))

    def curves(self) -> dict[str, list[float]]:
        """Each metric by epoch; NaN where an epoch did not say it. Of a cross-validation the mean of the folds, and the
        objective of each. Where numbers go beyond DENSE, by reported epoch."""
        values = self.values
        if self.folds:
            values = {}
            for epoch in sorted({e for fold in self.folds.values() for e in fold.values}):
                there = [fold.values.get(epoch, {}) for fold in self.folds.values()]
                names = dict.fromkeys(name for said in there for name in said)
                values[epoch] = {name: fmean(said[name] for said in there if name in said) for name in names}
                for name, said in zip(self.folds, there, strict=True):
                    if self.objective.metric in said:
                        values[epoch][f"{self.objective.metric}/fold-{name}"] = said[self.objective.metric]
        names = dict.fromkeys(name for said in values.values() for name in said)
        last = max(values, default=0)
        at = range(1, last + 1) if last <= DENSE else sorted(values)
        return {name: [values.get(e, {}).get(name, math.nan) for e in at] for name in names}

    def notes(self) -> list[str]:
        """What was counted by a rule that the reader should know, in sentences."""
        found = []
        there = [self, *self.folds.values()]
        if any(one.repeated for one in there):
            found.append("an epoch was evaluated several times; its best evaluation counts")
        if any(one.aside for one in there):
            found.append("an evaluation repeated the last epoch's after it; it is left aside")
        if any(one.restarts for one in there):
            found.append(
                "the script began to count its epochs anew and is counted on; if these are folds of a "
                "cross-validation, let it say `fold` beside `epoch`"
            )
        return found


def _differ(one: float, other: float) -> bool:
    return one != other and not (math.isnan(one) and math.isnan(other))

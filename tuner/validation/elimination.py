"""Who wins a race: pure, from the primary metric of the baseline and of a few candidates over paired seeds.

All candidates run over the first seeds; at each look the worse half leaves. Leaving is no test and makes no error.
Each look compares every candidate that is left with the baseline by an interval at level alpha / candidates, spent over
the looks (`group_sequential`), so that over all candidates and looks together the chance that one is called better
than a baseline it equals is alpha / 2 at most, whatever left and whenever the race ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tuner.validation.statistics.comparison import verdict
from tuner.validation.statistics.group_sequential import Looks
from tuner.validation.statistics.intervals import confidence_interval
from tuner.validation.statistics.values import Array, Direction

FIRST, SECOND = 4, 8
"""Seeds at the first look, where candidates only leave, and at the second, the first that may decide."""
GROWTH = 1.5
"""Seeds at a later look over those at the look before it."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Rules:
    """What a race is decided by; fixed before its first seed."""

    margin: float
    direction: Direction
    seeds: int
    """at most; SECOND or more"""
    flat_counts: bool = True
    """whether equal differences at every seed decide: not where a run has no seed to vary with"""


@dataclass(frozen=True, slots=True)
class Compared:
    """A candidate against the baseline at the last look that it was part of."""

    difference: float
    lo: float
    hi: float
    """ends of an interval that holds for all candidates and looks together; infinite where a look may not decide"""
    seeds: int
    verdict: Literal["better", "worse", "equivalent", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a race is."""

    alive: tuple[str, ...]
    """candidates that run on, the best first; empty where the race is over"""
    next_look: int
    """seeds at which it is looked at next; of a race that is over, those that it took"""
    compared: Mapping[str, Compared]
    """every candidate, the best first; empty before the first look"""

    @property
    def over(self) -> bool:
        """Whether there is nothing left to run."""
        return not self.alive

    @property
    def leader(self) -> str | None:
        """The candidate shown better with the largest difference; without one the one that came nearest."""
        return next(iter(self.compared), None)


def looks(seeds: int) -> Looks:
    """Looks at 4, 8, 12, 18, ... seeds up to `seeds`; the first spends nothing."""
    counts = [FIRST, SECOND]
    while counts[-1] < seeds:
        larger = math.ceil(counts[-1] * GROWTH)
        counts.append(seeds if larger * math.sqrt(GROWTH) > seeds else larger)
    spent = np.array([0, *counts[1:]]) / counts[-1]
    return Looks(tuple(counts), tuple(float(share) for share in np.diff([0.0, *spent])))


def trainings(candidates: int, seeds: int) -> int:
    """Trainings of a race that goes through all its looks, the baseline's among them."""
    total, before, alive = 0, 0, candidates
    for count in looks(seeds).counts:
        total += (count - before) * (alive + 1)
        before, alive = count, math.ceil(alive / 2)
    return total


def stand(baseline: ArrayLike, candidates: Mapping[str, ArrayLike], rules: Rules) -> Standing:
    """How a race stands after the seeds there are.

    baseline: (seeds,); candidates: (seeds,) or fewer for one that has left, in the order in which they were chosen.
    """
    known: dict[str, Compared] = {}
    plan, alive = looks(rules.seeds), tuple(candidates)
    base, values = np.asarray(baseline, float), {n: np.asarray(v, float) for n, v in candidates.items()}
    sign = 1.0 if rules.direction == "maximize" else -1.0
    for i, count in enumerate(plan.counts):
        if len(base) < count or any(len(values[name]) < count for name in alive):
            return Standing(alive, count, _ranked(known, alive, sign))
        level = Looks(plan.counts[: i + 1], plan.shares[: i + 1]).level(ALPHA / len(candidates)) if i else 0.0
        for name in alive:
            known[name] = _compare(values[name][:count] - base[:count], level, rules)
        alive = tuple(sorted(alive, key=lambda name: -sign * known[name].difference))
        better = [name for name in alive if known[name].verdict == "better"]
        open_ = [name for name in alive if known[name].verdict == "inconclusive"]
        if better or not open_:
            return Standing((), count, _ranked(known, better or alive, sign))
        alive = tuple(name for name in open_ if name in alive[: math.ceil(len(alive) / 2)]) or (open_[0],)
    return Standing((), plan.counts[-1], _ranked(known, alive, sign))


def _compare(pairs: Array, level: float, rules: Rules) -> Compared:
    mean, n = float(pairs.mean()), len(pairs)
    flat = bool(np.ptp(pairs) == 0) and not rules.flat_counts
    if level <= 0 or flat:
        return Compared(mean, -math.inf, math.inf, n, "inconclusive")
    lo, hi, _ = confidence_interval(pairs, 1 - level)
    outcome = verdict(lo, hi, margin=rules.margin, direction=rules.direction, n=n)
    return Compared(mean, lo, hi, n, outcome)


def _ranked(known: Mapping[str, Compared], first: Sequence[str], sign: float) -> dict[str, Compared]:
    """Those of `first` in their order, then the others by how long they stayed and how well they did."""
    rest = [name for name in known if name not in first]
    rest.sort(key=lambda name: (-known[name].seeds, -sign * known[name].difference))
    return {name: known[name] for name in (*first, *rest) if name in known}

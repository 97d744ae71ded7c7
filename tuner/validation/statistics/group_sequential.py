"""Looking at the same blocks more than once: how much of alpha each look spends, and how wide its interval must be.

    looks = Looks.planned(60)               # 8, 12, 18, 27, 40, 60 blocks, fixed before the first
    level = looks.level(18, alpha=0.05)     # two-sided level at which the look at 18 blocks is made
    lo, hi, _ = confidence_interval(differences, 1 - level)

Over all looks of a `Looks` together, a true mean is excluded with probability alpha at most, whatever is decided at
each of them: also to stop, or to go on because the last look was not clear. Over m arms pass alpha / m.

Method: alpha spending (Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials"). The joint distribution
of the standardised means at all looks is integrated numerically (Armitage, McPherson & Rowe 1969; Jennison & Turnbull
2000, *Group Sequential Methods*, chapter 19); the level of each look is then applied to Student's t with n - 1 degrees
of freedom (Pocock 1977; Jennison & Turnbull, 4.4). The error that this leaves with few blocks is in docs/statistics.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from trainer.errors import InputError
from tuner.validation.statistics.values import Array

FIRST_LOOK = 8
"""Blocks before the first planned look: with fewer, a metric in steps gives equal differences by chance."""
GROWTH = 1.5
"""Blocks at a planned look over those at the look before it."""
SPENT_AT_ONCE = 0.75
"""Share of what is left of alpha that a validation spends: the first 0.0375 of 0.05, the second 0.0094, ... It leaves
something for a person who follows the advice to run more seeds, and makes the first interval 8% wider at 10 seeds."""
NODES = 100
"""Points of the numerical integration over one look."""
EXPONENT = 0.65
"""Of the spending function (n / horizon)^EXPONENT: nearly the same level at each look, a little more at the last."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks at a growing number of blocks and what each spends; hashable, and stable plain data for a record."""

    counts: tuple[int, ...]
    """blocks at each look, in the order of looking"""
    shares: tuple[float, ...]
    """of alpha that each look spends; their sum is 1 at most"""

    def __post_init__(self) -> None:
        """Raises InputError for looks that are none."""
        if len(self.counts) != len(self.shares) or not self.counts or min(self.counts) < 2:
            raise InputError(f"looks: expected at least 2 blocks and a share for each, found {self.counts}")
        if min(self.shares) < 0 or sum(self.shares) > 1 + 1e-9:
            raise InputError(f"shares of alpha: expected numbers from 0 with a sum of 1 at most, found {self.shares}")

    @classmethod
    def once(cls, n: int) -> Looks:
        """A single look at n blocks that spends all of alpha: a plain t interval."""
        return cls((n,), (1.0,))

    @classmethod
    def planned(cls, horizon: int, first: int = FIRST_LOOK, budget: float = 1.0) -> Looks:
        """A design fixed beforehand: looks at `first` blocks, then 1.5 times as many each, and at last at `horizon`.

        budget: share of alpha for all of them. What has been spent by n blocks is budget * (n / horizon)^0.65
        (Kim & DeMets 1987). docs/statistics.md has the widths.
        """
        counts = [min(first, horizon)]
        while counts[-1] < horizon:
            larger = math.ceil(counts[-1] * GROWTH)
            # A last look hard upon the one before it would only spend alpha.
            counts.append(horizon if larger * math.sqrt(GROWTH) > horizon else larger)
        spent = [budget * (n / horizon) ** EXPONENT for n in counts]
        return cls(tuple(counts), tuple(float(s) for s in np.diff([0.0, *spent])))

    @property
    def left(self) -> float:
        """Share of alpha that no look has spent."""
        return max(0.0, 1.0 - sum(self.shares))

    def then(self, n: int) -> Looks:
        """The same looks and one more, of which nobody knew, at n blocks: it spends three quarters of what is left."""
        return Looks((*self.counts, n), (*self.shares, SPENT_AT_ONCE * self.left))

    def then_planned(self, horizon: int) -> Looks:
        """The same looks and then a planned design up to `horizon` blocks, from three quarters of what is left."""
        more = Looks.planned(horizon, budget=SPENT_AT_ONCE * self.left)
        return Looks((*self.counts, *more.counts), (*self.shares, *more.shares))

    def until(self, n: int) -> Looks:
        """The looks up to the first one at n blocks or more, which is made at n; where all are at fewer, the last."""
        last = max(i for i, count in enumerate(self.counts) if i == 0 or count <= n or self.counts[i - 1] < n)
        return Looks((*self.counts[:last], n), self.shares[: last + 1])

    def level(self, alpha: float = 0.05) -> float:
        """Two-sided level of the last of these looks for a family of level alpha; 0 where nothing is left to spend."""
        return _levels(self.counts, tuple(alpha * share for share in self.shares))[-1]

    def adjusted(self, p: float) -> float:
        """Smallest alpha at which the last look excludes what has a single-look p of `p`; never below p."""
        alphas, levels = _ladder(self.counts, self.shares)
        if p >= levels[-1]:
            return 1.0
        if p <= levels[0]:  # below 1e-7 the levels are in proportion to what is spent
            return max(p, min(1.0, p * alphas[0] / levels[0])) if levels[0] > 0 else 1.0
        return max(p, float(np.exp(np.interp(np.log(p), np.log(levels), np.log(alphas)))))


def first_look(n: int) -> Looks:
    """The first look at n blocks of a validation of a fixed size: it keeps a quarter of alpha for later looks."""
    return Looks((n,), (SPENT_AT_ONCE,))


@lru_cache(maxsize=256)
def _ladder(counts: tuple[int, ...], shares: tuple[float, ...]) -> tuple[Array, Array]:
    """Levels of the last look at alphas from 1e-7 to 0.999, to look up the inverse."""
    alphas = np.concatenate((np.logspace(-7, -0.7, 14), np.linspace(0.25, 0.999, 6)))
    levels = np.array([_levels(counts, tuple(alpha * s for s in shares))[-1] for alpha in alphas])
    return alphas, np.maximum.accumulate(levels)


@lru_cache(maxsize=4096)
def _levels(counts: tuple[int, ...], spends: tuple[float, ...]) -> tuple[float, ...]:
    """Two-sided level of each look, so that look k is the first to exclude the truth with probability spends[k].

    A look at no more blocks than one before it is not part of the sequence: it gets its spend as its level, which the
    union bound allows.
    """
    levels: list[float] = []
    seen, sums, density = 0, np.zeros(1), np.ones(1)  # of the standardised sum where no look has ended it yet
    for n, spend in zip(counts, spends, strict=True):
        if n <= seen:
            levels.append(spend)
            continue
        step = math.sqrt(n - seen)
        bound = _bound(sums, density, step, math.sqrt(n), spend)
        levels.append(2 * float(special.ndtr(-bound)))
        nodes, weights = _gauss()
        reach = min(bound, 9.0) * math.sqrt(n)
        after = reach * nodes
        moved = np.exp(-0.5 * ((after[:, None] - sums) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        density = (moved @ density) * weights * reach
        sums, seen = after, n
    return tuple(levels)


@lru_cache(maxsize=1)
def _gauss() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return np.asarray(nodes), np.asarray(weights)


def _bound(sums: Array, density: Array, step: float, scale: float, spend: float) -> float:
    """Standard errors beyond which the look ends the sequence with probability `spend`; infinite for nothing."""

    def beyond(bound: float) -> float:
        out = special.ndtr((-bound * scale - sums) / step) + special.ndtr((sums - bound * scale) / step)
        return float(out @ density)

    if spend <= 0 or beyond(30.0) >= spend:
        return math.inf
    if beyond(0.0) <= spend:
        return 0.0
    return float(optimize.brentq(lambda bound: beyond(bound) - spend, 0.0, 30.0, xtol=1e-10))

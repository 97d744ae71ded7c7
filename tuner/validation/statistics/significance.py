"""The sign-flip test, and Holm's correction over several of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from trainer.errors import InputError
from tuner.validation.statistics.values import NOISE, Array, finite

EXACT_TO = 30
"""Differences other than 0 up to which every sign flip is counted; 2^30 takes milliseconds (see `_flips_as_far`)."""
FLIPS = 99_999
"""Random sign flips beyond that; with the observed one 100 000."""


def sign_flip_p(differences: ArrayLike, rng: np.random.Generator) -> float:
    """Two-sided randomisation test of the mean (Fisher 1935, The Design of Experiments, section 21).

    p is the share of all 2^n assignments of signs whose mean is as far from 0 as the observed. It is exact for
    differences that are symmetric about 0, whatever their distribution. A difference of 0 has no sign to flip and
    leaves p as it is. Beyond EXACT_TO other differences, (b + 1) / (m + 1) over m random flips (Phipson & Smyth 2010),
    which is exact too.
    """
    values = finite(differences)
    values = values[values != 0]
    # Sums that are equal but for rounding must count as equal, or the observed one might miss itself.
    far = abs(float(values.sum())) - NOISE * 100 * float(np.abs(values).sum())
    if len(values) <= EXACT_TO:
        return _flips_as_far(values, far)
    as_far = 0
    for start in range(0, FLIPS, 10_000):  # 10 000 x n numbers at a time
        signs = rng.integers(0, 2, (min(10_000, FLIPS - start), len(values)), dtype=np.int8) * 2.0 - 1
        as_far += int((np.abs(signs @ values) >= far).sum())
    return (as_far + 1) / (FLIPS + 1)


def smallest_p(n: int) -> float:
    """The smallest p that the sign-flip test of n differences can give: the observed signs and their mirror image."""
    return min(1.0, 2.0 ** (1 - n))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down method (Holm 1979), in the order given.

    The k-th smallest of m is multiplied by m - k + 1; none is adjusted to less than a smaller one, nor to more than 1.
    """
    if not len(p_values):
        return []
    if not all(0 <= p <= 1 for p in p_values):
        raise InputError(f"p-values: expected numbers from 0 to 1, found {list(p_values)}")
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, float)[order] * factors))
    return [float(p) for p in adjusted]


def holm_by_group(p_values: Sequence[float], groups: Sequence[Hashable]) -> list[float]:
    """Holm over groups, each of hypotheses that are nested in one another, so that a group counts once.

    Of a group's hypotheses that are true the largest rejects whenever a smaller one does, so that together they err as
    often as one: the group takes the step of its smallest p, and all of its p-values that step's factor.
    """
    least: dict[Hashable, float] = {}
    for group, p in zip(groups, p_values, strict=True):
        least[group] = min(p, least.get(group, 1.0))
    order = sorted(least, key=lambda group: least[group])
    factor = {group: len(order) - i for i, group in enumerate(order)}
    floor = dict(zip(order, np.maximum.accumulate([factor[g] * least[g] for g in order]), strict=True))
    return [float(min(1.0, max(factor[group] * p, floor[group]))) for group, p in zip(groups, p_values, strict=True)]


def share_bounds(count: int, runs: int, alpha: float = 0.05) -> tuple[float, float]:
    """Bounds of a true share of which `count` of `runs` were seen, each at alpha one-sided (Clopper & Pearson 1934).

    None in 10 allows 26%.
    """
    from scipy.special import betaincinv

    lo = float(betaincinv(count, runs - count + 1, alpha)) if count else 0.0
    hi = float(betaincinv(count + 1, runs - count, 1 - alpha)) if count < runs else 1.0
    return lo, hi


def _sign_sums(values: Array) -> Array:
    """Sums under all 2^n assignments of signs, shape (2^n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums + value, sums - value))
    return sums


def _flips_as_far(values: Array, far: float) -> float:
    """Share of all sign assignments whose sum is at least `far` from 0.

    The sums of one half of the values are sorted, and each sum of the other half is looked up in them (Horowitz & Sahni
    1974, "Computing partitions with applications to the knapsack problem"): all 2^n for the work of n 2^(n/2).
    """
    if far <= 0:
        return 1.0
    middle = len(values) // 2
    left, right = _sign_sums(values[:middle]), np.sort(_sign_sums(values[middle:]))
    # Both tails are mirror images, so one is counted: left + right >= far.
    above = len(right) - np.searchsorted(right, far - left, side="left")
    return min(1.0, 2 * float(above.sum()) / 2.0 ** len(values))

"""How many seeds a clear verdict takes, and the smallest effect that so many seeds show."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from tuner.validation.statistics.intervals import t_quantile
from tuner.validation.statistics.values import Array, all_equal, check_plan, finite

MOST_SEEDS = 1000
"""Seeds beyond which a clear verdict counts as out of reach."""


def seeds_for_claims(n_claims: int, alpha: float = 0.05) -> int:
    """Fewest pairs with which the sign-flip test can be significant after Holm: 2 / 2^n <= alpha / n_claims.

    1 claim: 6; 2, 3: 7; 4 to 6: 8; 7 to 12: 9; 13 to 25: 10. With so few all differences must have the same sign.
    """
    check_plan(alpha, 0.5, n_claims)
    return math.ceil(round(1 + math.log2(n_claims / alpha), 9))


def seeds_needed(
    differences: ArrayLike, margin: float, power: float = 0.8, alpha: float = 0.05, claims: int = 1
) -> int | None:
    """Pairs in all (those run included) that give a clear verdict with this power, were the truth what was observed.

    The smaller of two numbers: pairs until the difference is significant (at alpha / claims, Holm's first step), and
    pairs until the interval lies within the margin. None where neither happens within MOST_SEEDS pairs: a difference
    close to 0 with a margin close to 0, or one about as large as the margin with a small deviation.

    A plan, not a promise: mean and deviation are those of the pairs at hand, and the deviation of ten pairs is itself
    uncertain by a quarter, the number of seeds hence by half.
    """
    check_plan(alpha, power, claims)
    values = finite(differences)
    centre, deviation = abs(float(values.mean())), float(values.std(ddof=1))
    fewest = seeds_for_claims(claims, alpha)
    if all_equal(values):
        return seeds_for_claims(1, alpha) if centre <= margin else fewest
    different = _fewest(lambda n: _power_different(n, centre / deviation, alpha / claims), fewest, power)
    within = _fewest(lambda n: _power_within(n, centre / deviation, margin / deviation, alpha), 2, power)
    return min((n for n in (different, within) if n is not None), default=None)


def smallest_effect(differences: ArrayLike, power: float = 0.8, alpha: float = 0.05, claims: int = 1) -> float | None:
    """Smallest true mean difference, in the metric's unit, that n pairs of this deviation show with this power.

    None where n < seeds_for_claims(claims, alpha): the sign-flip test then shows no difference, however large.
    """
    check_plan(alpha, power, claims)
    values = finite(differences)
    n = len(values)
    if n < seeds_for_claims(claims, alpha):
        return None
    if all_equal(values):
        return 0.0
    from scipy.optimize import brentq

    upper = 1.0
    while _power_different(n, upper, alpha / claims) < power:
        upper *= 2
    effect = brentq(lambda effect: _power_different(n, effect, alpha / claims) - power, 0, upper)
    return float(effect) * float(values.std(ddof=1))


def _power_different(n: int, effect: float, alpha: float) -> float:
    """Chance that n normal differences are significant by t interval and sign-flip test; `effect` in deviations.

    The power of the two-sided t test, at a level that the sign-flip test can attain: it has 2 / 2^n as its step, and
    with few pairs loses part of alpha to it. With one flip to spare only equal signs count; else one flip is given away
    for the test being a little less powerful than t. By simulation 79..81% where this says 80%, from 8 pairs on.
    """
    flips = math.floor(alpha * 2.0 ** min(n, 60) / 2 + 1e-9)
    if flips < 1:
        return 0.0
    if flips == 1:
        return float(special.ndtr(effect) ** n + special.ndtr(-effect) ** n)
    cut = t_quantile(n - 1, min(alpha, 2 * (flips - 1) / 2.0 ** min(n, 60))) * _spreads(n)
    shift = effect * math.sqrt(n)
    return float((special.ndtr(shift - cut) + special.ndtr(-shift - cut)).mean())


def _power_within(n: int, effect: float, margin: float, alpha: float) -> float:
    """Chance that the t interval of n normal differences lies within the margin; all in deviations.

    For a given sample deviation the mean must lie within what the half-width leaves of the margin (Phillips 1990,
    "Power of the two one-sided tests procedure in bioequivalence").
    """
    room = margin * math.sqrt(n) - t_quantile(n - 1, alpha) * _spreads(n)
    shift = effect * math.sqrt(n)
    return float(np.where(room > 0, special.ndtr(room - shift) - special.ndtr(-room - shift), 0).mean())


@cache
def _spreads(n: int) -> Array:
    """Sample deviations of n normal values of deviation 1, at the midpoints of 400 equally likely slices.

    A mean over them is an expectation: that of a normal probability is the noncentral t distribution, which scipy's own
    gives as nan in the far tails.
    """
    spreads: Array = np.sqrt(special.chdtri(n - 1, (np.arange(400) + 0.5) / 400) / (n - 1))
    return spreads


def _fewest(power_at: Callable[[int], float], least: int, power: float) -> int | None:
    """Smallest n from `least` to MOST_SEEDS at which a rising power is reached."""
    low, high = least, MOST_SEEDS
    if power_at(high) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle + 1, high)
    return low

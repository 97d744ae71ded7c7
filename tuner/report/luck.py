"""How far the best of many runs leads by luck, as a few values of the baseline foretell it. Pure functions."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, special

TAILS = 4
"""Degrees of freedom of the heavy-tailed noise that the bound has to hold for beside normal noise."""
DRAWS = 20_000
"""Samples of baseline values over which the bound is averaged. The chance of the best of m given the mean and the
deviation of a sample is exact, so that only these two are drawn: the error of 5% is 0.15%."""


@lru_cache(maxsize=64)
def luck_bound(m: int, n: int, alpha: float = 0.05) -> float:
    """Deviations by which the best of m new values leads the mean of n others in a share `alpha` of all cases at most.

    A simultaneous prediction bound (Hahn 1970, "Additional factors for calculating prediction intervals"): the L with

        E[F(mean + L s)^m] = 1 - alpha

    over the mean and the deviation s of n values with distribution function F. The larger of that for normal values and
    that for Student's t with 4 degrees of freedom, since so few values do not tell which they are. A fixed seed draws
    the samples: the same m and n give the same bound. Raises ValueError for n < 2 or m < 1.
    """
    if n < 2 or m < 1:
        raise ValueError(f"expected n >= 2 and m >= 1, found n = {n}, m = {m}")
    return max(_bound(m, n, alpha, heavy) for heavy in (False, True))


@lru_cache(maxsize=64)
def luckiest_lead(m: int, n: int) -> float:
    """Deviations s of n values by which the best of m others leads their mean on average, for normal values.

    E[max of m] (integrated over its distribution) over c4(n), the bias of s.
    """
    x = np.linspace(-10.0, 10.0, 20_001)
    whole = special.ndtr(x) ** m
    best = float(np.trapezoid((x > 0) - whole, x))
    c4 = math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    return best / c4


def _bound(m: int, n: int, alpha: float, heavy: bool) -> float:
    rng = np.random.default_rng(0)
    means, spreads = np.empty(DRAWS), np.empty(DRAWS)
    if heavy:
        values = rng.standard_t(TAILS, (DRAWS, n))
        means, spreads = values.mean(1), values.std(1, ddof=1)
    else:
        means = rng.standard_normal(DRAWS) / math.sqrt(n)
        spreads = np.sqrt(rng.chisquare(n - 1, DRAWS) / (n - 1))

    def missed(lead: float) -> float:
        ends = means + lead * spreads
        below = special.stdtr(TAILS, ends) if heavy else special.ndtr(ends)
        return float((below**m).mean()) - (1 - alpha)

    upper = 8.0
    while missed(upper) < 0:
        upper *= 2
    return float(optimize.brentq(missed, -8.0, upper, xtol=1e-4))

"""A change in percent, and what it says of a claimed range."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from trainer.errors import InputError
from tuner.validate.statistics.intervals import confidence_interval, t_quantile
from tuner.validate.statistics.values import Array, Direction, check_direction, finite, paired_differences

ClaimVerdict = Literal["supported", "refuted", "not shown"]


@dataclass(frozen=True, slots=True)
class RelativeChange:
    """A change in percent of the baseline."""

    percent: float | None
    """None: the baseline's mean is 0, so that no percent of it is defined"""
    lo: float
    hi: float
    """ends of the confidence interval in percent; infinite where the data do not bound them"""
    method: str
    """`log-ratio`, `fieller` or `undefined`"""


def relative_change(baseline: ArrayLike, candidate: ArrayLike, level: float = 0.95) -> RelativeChange:
    """Change from baseline to candidate in percent of the baseline, with its interval, from two arrays (n,) paired.

    Where all values are positive: the t interval of the mean log ratio, carried back (a geometric mean, for which
    doubling and halving cancel). Else mean difference over |mean baseline|, with Fieller's interval (Fieller 1954,
    "Some problems in interval estimation"), which also counts the baseline's own uncertainty; it is infinite where the
    baseline's mean cannot be told from 0.
    """
    differences = paired_differences(baseline, candidate)
    old, new = finite(baseline), finite(candidate)
    if old.min() > 0 and new.min() > 0:
        ratios = np.where(differences == 0, 0.0, np.log(new / old))
        lo, hi, _ = confidence_interval(ratios, level)
        percent, lo, hi = (100 * math.expm1(end) for end in (float(ratios.mean()), lo, hi))
        return RelativeChange(percent, lo, hi, "log-ratio")
    whole = float(old.mean())
    if whole == 0:
        return RelativeChange(None, -math.inf, math.inf, "undefined")
    lo, hi = sorted(end * math.copysign(100, whole) for end in _fieller(differences, old, level))
    return RelativeChange(100 * float(differences.mean()) / abs(whole), lo, hi, "fieller")


def claim_verdict(
    lo: float,
    hi: float,
    claimed_lo: float,
    claimed_hi: float,
    direction: Direction,
    *,
    p: float | None = None,
    alpha: float = 0.05,
) -> ClaimVerdict:
    """What the measured interval [lo, hi] says of a claimed range; all four signed, in percent or another one unit.

    `direction` is that of the claim: `maximize` for "+10..15%", `minimize` for "-20..-10%".

    - `refuted`: the interval lies wholly on the near side of the range, so that less than the least claimed is all that
      is compatible with the data. This comes first; it needs no difference from 0.
    - `supported`: the interval excludes 0 in the claimed direction and overlaps the range; and p <= alpha where a
      (Holm-adjusted) p is given.
    - `not shown`: the rest. Also an interval wholly beyond the range, since the range was then wrong; that the effect
      is larger than claimed is for the report to say.
    """
    check_direction(direction)
    if not (lo <= hi and claimed_lo <= claimed_hi):
        raise InputError(f"expected lo <= hi, found measured [{lo}, {hi}], claimed [{claimed_lo}, {claimed_hi}]")
    if direction == "minimize":
        lo, hi, claimed_lo, claimed_hi = -hi, -lo, -claimed_hi, -claimed_lo
    if hi < claimed_lo:
        return "refuted"
    if lo > 0 and lo <= claimed_hi and (p is None or p <= alpha):
        return "supported"
    return "not shown"


def _fieller(differences: Array, whole: Array, level: float) -> Iterable[float]:
    """Ends of mean(differences) / mean(whole): all r at which mean(differences - r * whole) is not significant."""
    n = len(whole)
    scale = t_quantile(n - 1, 1 - level) ** 2 / n
    covariance = scale * np.cov(differences, whole)
    top, bottom = float(differences.mean()), float(whole.mean())
    a, b, c = bottom**2 - covariance[1, 1], top * bottom - covariance[0, 1], top**2 - covariance[0, 0]
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a

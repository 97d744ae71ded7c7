"""A change in percent, and what it says of a claimed range."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from trainer.errors import InputError
from tuner.validation.statistics.intervals import confidence_interval, p_of_mean, quantile
from tuner.validation.statistics.significance import sign_flip_p
from tuner.validation.statistics.values import Array, finite, paired_differences

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
    p_at: Callable[[float], float]
    """two-sided p of the true change being so many percent; at the ends of the interval at least 1 - level"""


def relative_change(
    baseline: ArrayLike, candidate: ArrayLike, level: float = 0.95, *, often: bool = False
) -> RelativeChange:
    """Change from baseline to candidate in percent of the baseline, with its interval, from two arrays (n,) paired.

    Where all values are positive: the t interval of the mean log ratio, carried back (a geometric mean, for which
    doubling and halving cancel). Else mean difference over |mean baseline|, with Fieller's interval (Fieller 1954,
    "Some problems in interval estimation"), which also counts the baseline's own uncertainty; it is infinite where the
    baseline's mean cannot be told from 0.

    often: by the confidence sequence instead of t, which holds however often one has looked.
    """
    differences = paired_differences(baseline, candidate)
    old, new = finite(baseline), finite(candidate)
    if old.min() > 0 and new.min() > 0:
        ratios = np.where(differences == 0, 0.0, np.log(new / old))
        lo, hi, _ = confidence_interval(ratios, level, often=often)
        percent, lo, hi = (100 * math.expm1(end) for end in (float(ratios.mean()), lo, hi))

        def p_of_ratio(percent: float) -> float:
            if percent <= -100:
                return 0.0
            p = p_of_mean(ratios, math.log1p(percent / 100), often=often)
            # Far out in its tail t errs under skew; the sign-flip test is the exact one where effects are symmetric.
            return p if often else max(p, sign_flip_p(ratios - math.log1p(percent / 100), np.random.default_rng(0)))

        return RelativeChange(percent, lo, hi, "log-ratio", p_of_ratio)
    whole = float(old.mean())
    if whole == 0:
        return RelativeChange(None, -math.inf, math.inf, "undefined", lambda percent: 1.0)
    turned = math.copysign(100, whole)
    lo, hi = sorted(end * turned for end in _fieller(differences, old, quantile(len(old), 1 - level, often)))
    percent = 100 * float(differences.mean()) / abs(whole)
    return RelativeChange(
        percent, lo, hi, "fieller", lambda percent: p_of_mean(differences - percent / turned * old, 0.0, often=often)
    )


def claim_p(
    measured: float, claimed_lo: float, claimed_hi: float, p_at: Callable[[float], float]
) -> tuple[float, float]:
    """(for, against): p of what a claimed range would have to be wrong in, or right in, for the measured to be chance.

    All in percent of improvement; p_at: two-sided p of the true change being so much.

    A range beyond 0 promises a gain (or, below 0, admits a cost): *for* tests that nothing changes, *against* that the
    change is the least that is claimed. A range that holds 0 promises that little changes: *for* is the larger p of its
    two ends (two one-sided tests, Schuirmann 1987), *against* that of the end beyond which the measured lies. What the
    measured does not point to has p = 1.
    """
    if claimed_lo <= 0 <= claimed_hi:
        if claimed_lo <= measured <= claimed_hi:
            return max(p_at(claimed_lo), p_at(claimed_hi)), 1.0
        return 1.0, p_at(claimed_lo if measured < claimed_lo else claimed_hi)
    sign = 1.0 if claimed_lo > 0 else -1.0
    least = claimed_lo if claimed_lo > 0 else claimed_hi
    return (
        p_at(0.0) if sign * measured > 0 else 1.0,
        p_at(least) if sign * measured < sign * least else 1.0,
    )


def claim_verdict(
    lo: float,
    hi: float,
    claimed_lo: float,
    claimed_hi: float,
    *,
    p_for: float = 0.0,
    p_against: float = 0.0,
    alpha: float = 0.05,
) -> ClaimVerdict:
    """What the measured interval [lo, hi] says of a claimed range; all in percent of improvement.

    p_for, p_against: those of `claim_p` after Holm over all claims; left out, the interval alone decides.

    A range beyond 0 promises a gain; one below 0, a cost, is its mirror image:

    - `refuted`: the interval lies wholly on the near side of the range, so that less than the least claimed is all that
      is compatible with the data, and p_against <= alpha. It needs no difference from 0.
    - `supported`: the interval excludes 0 in the claimed direction and overlaps the range, and p_for <= alpha.
    - `not shown`: the rest. Also an interval wholly beyond the range, since the range was then wrong; that the effect
      is larger than claimed is for the report to say.

    A range that holds 0 promises that little changes ("slower by < 5%"): `supported` by an interval inside it,
    `refuted` by one outside of it, each with its p.
    """
    if not (lo <= hi and claimed_lo <= claimed_hi):
        raise InputError(f"expected lo <= hi, found measured [{lo}, {hi}], claimed [{claimed_lo}, {claimed_hi}]")
    if claimed_lo <= 0 <= claimed_hi:
        short, fits = hi < claimed_lo or lo > claimed_hi, claimed_lo <= lo and hi <= claimed_hi
    else:
        if claimed_hi < 0:
            lo, hi, claimed_lo, claimed_hi = -hi, -lo, -claimed_hi, -claimed_lo
        short, fits = hi < claimed_lo, 0 < lo <= claimed_hi and hi >= claimed_lo
    if short:
        return "refuted" if p_against <= alpha else "not shown"
    return "supported" if fits and p_for <= alpha else "not shown"


def _fieller(differences: Array, whole: Array, quantile: float) -> Iterable[float]:
    """Ends of mean(differences) / mean(whole): all r at which mean(differences - r * whole) is not significant.

    quantile: standard errors from which on it is.
    """
    scale = quantile**2 / len(whole)
    if math.isinf(scale):
        return -math.inf, math.inf
    covariance = scale * np.cov(differences, whole)
    top, bottom = float(differences.mean()), float(whole.mean())
    a, b, c = bottom**2 - covariance[1, 1], top * bottom - covariance[0, 1], top**2 - covariance[0, 0]
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a

"""The mean difference and its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from trainer.errors import InputError
from tuner.validation.statistics.sequence import sequence_p, sequence_quantile
from tuner.validation.statistics.values import NOISE, Direction, all_equal, check_direction, finite, paired_differences

RESAMPLES = 9999
"""Bootstrap resamples."""
BCA_FROM, BCA_VALUES = 10, 5
"""Fewest differences, and fewest distinct ones, with which a bootstrap is tried at all."""


def paired_difference(differences: ArrayLike) -> float:
    """Mean of candidate - baseline over the blocks."""
    return float(finite(differences).mean())


def confidence_interval(
    differences: ArrayLike,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    *,
    bootstrap: bool = False,
    often: bool = False,
) -> tuple[float, float, str]:
    """(lo, hi, method) of the mean difference: Student's t at every n; BCa bootstrap only on request.

    often: by the confidence sequence instead, which holds however often one has looked.

    Coverage of a 95% interval in percent, by simulation (4000 samples, bootstraps 1333; BCa by the formula of Efron
    1987, "Better bootstrap confidence intervals"; steps: a normal of deviation 0.5 steps rounded to whole ones, mostly
    ties; mild and strong skew: lognormal about its mean with log-deviation 0.5 and 1):

        t / BCa / studentized          5               10               20               30               60
        normal           95.5/84.5/94.3   95.3/89.9/94.0   94.5/92.7/94.7   94.7/92.8/94.1   95.0/95.6/95.6
        heavy tails, t3  96.4/80.6/95.5   96.4/86.0/92.7   95.8/88.2/92.8   96.2/91.4/93.8   95.3/91.8/93.5
        steps            99.5/95.9/95.8   96.4/90.3/90.0   95.5/93.0/93.5   96.0/94.1/92.7   94.5/95.2/94.1
        mild skew        91.4/80.9/92.8   92.3/89.3/95.0   93.0/91.0/94.2   93.6/93.0/95.2   94.2/93.4/95.2
        strong skew      82.5/72.8/91.0   83.3/80.9/89.7   86.7/87.4/91.6   88.1/89.0/93.0   90.6/90.7/92.7

    t stays within 93..97% on all but the skewed and, at n = 5 and 8, where ties or tails are many: 97.4..99.5%, safe.
    BCa needs 30 to 60 normal differences and does not get there with heavy tails by 100 (92%): it takes its spread from
    a sample that it divides by n and knows no t. The studentized bootstrap is the best of them under strong skew, but
    falls to 90..93% with ties and heavy tails. Under strong skew none holds below n = 100; the difference of
    exchangeable runs is symmetric, so skew comes only from an effect that differs much between seeds.

    method: `t`, or `confidence sequence` where looked at often; `bca` where asked for and n >= 10 with at least 5
    distinct values (else t, and it says so); or `degenerate`, lo == hi, where all differences are equal: such an
    interval shows no uncertainty, it has none to estimate (see `verdict` for what may follow from it).
    """
    if not 0 < level < 1:
        raise InputError(f"the level: expected a number between 0 and 1, found {level}")
    values = finite(differences)
    centre = float(values.mean())
    if all_equal(values):
        return centre, centre, "degenerate"
    if bootstrap and len(values) >= BCA_FROM and len(np.unique(values)) >= BCA_VALUES:
        from scipy.stats import bootstrap as resample

        found = resample(
            (values,), np.mean, confidence_level=level, n_resamples=RESAMPLES, method="BCa", rng=rng
        ).confidence_interval
        return float(found.low), float(found.high), "bca"
    half = quantile(len(values), 1 - level, often) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return centre - half, centre + half, "confidence sequence" if often else "t"


def p_of_mean(values: ArrayLike, mean: float, *, often: bool = False) -> float:
    """Two-sided p of the true mean being `mean`, by the test whose interval `confidence_interval` gives.

    Where all values are equal there is no deviation to judge by: 1 at their value, elsewhere what the sign-flip test
    could give at best.
    """
    given = finite(values)
    n, centre = len(given), float(given.mean())
    if all_equal(given):
        return 1.0 if abs(centre - mean) <= NOISE * max(abs(centre), abs(mean)) else 2.0 ** (1 - n)
    t = (centre - mean) / (float(given.std(ddof=1)) / math.sqrt(n))
    return sequence_p(t, n) if often else float(2 * special.stdtr(n - 1, -abs(t)))


def probability_better(candidate: ArrayLike, baseline: ArrayLike, direction: Direction) -> float:
    """Share of blocks in which the candidate is better than the baseline; a tie counts half."""
    check_direction(direction)
    gain = paired_differences(baseline, candidate) * (1 if direction == "maximize" else -1)
    return float((gain > 0).mean() + (gain == 0).mean() / 2)


def t_quantile(freedom: int, alpha: float) -> float:
    """Two-sided quantile of Student's t."""
    return float(special.stdtrit(freedom, 1 - alpha / 2))


def quantile(n: int, alpha: float, often: bool = False) -> float:
    """Half-width of the interval from n blocks in standard errors, for one look or for any number of them."""
    return sequence_quantile(n, alpha) if often else t_quantile(n - 1, alpha)

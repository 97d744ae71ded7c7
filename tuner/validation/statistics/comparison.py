"""Two arms on one metric, from pairs to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from trainer.errors import InputError
from tuner.validation.statistics.intervals import confidence_interval, paired_difference, probability_better
from tuner.validation.statistics.planning import seeds_needed, smallest_effect
from tuner.validation.statistics.significance import holm, sign_flip_p, smallest_p
from tuner.validation.statistics.values import Array, Direction, check_direction, check_plan, paired_differences

Verdict = Literal["better", "worse", "equivalent", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the pairs say of candidate against baseline on one metric."""

    difference: float
    """mean of candidate - baseline, in the metric's unit"""
    lo: float
    hi: float
    """ends of the confidence interval of the mean difference"""
    method: str
    """of the interval: `t`, or `degenerate` where all differences are equal"""
    p: float
    """two-sided sign-flip test"""
    p_holm: float
    """p after Holm over the claims; until `together` has seen all of them, Bonferroni's, which is never smaller"""
    probability_better: float
    """share of blocks in which the candidate is better, ties half"""
    n: int
    """pairs"""
    verdict: Verdict
    seeds_needed: int | None
    """pairs in all for a clear verdict; n where it is clear; None: more than MOST_SEEDS"""
    smallest_effect: float | None
    """smallest true difference that n pairs show with the power asked for; None: no difference, n is too small"""
    margin: float
    """practical margin, in the metric's unit"""
    direction: Direction
    alpha: float
    claims: int
    """comparisons that are judged together"""


def compare(
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    margin: float,
    direction: Direction,
    rng: np.random.Generator,
    alpha: float = 0.05,
    power: float = 0.8,
    claims: int = 1,
) -> Comparison:
    """Everything about two arms, each of shape (n,), paired by block.

    `claims` is the number of comparisons that will be judged together: planning figures assume Holm's first and hardest
    step, alpha / claims, and `together` settles `p_holm` and the verdict once all are there.

    Raises InputError for unequal lengths, fewer than two pairs, values that are not finite, a negative margin, an
    unknown direction.
    """
    check_plan(alpha, power, claims)
    differences = paired_differences(baseline, candidate)
    lo, hi, method = confidence_interval(differences, 1 - alpha, rng)
    p = sign_flip_p(differences, rng)
    p_holm = min(1.0, claims * p)
    outcome = verdict(lo, hi, margin=margin, direction=direction, n=len(differences), p=p_holm, alpha=alpha)
    return Comparison(
        difference=paired_difference(differences),
        lo=lo,
        hi=hi,
        method=method,
        p=p,
        p_holm=p_holm,
        probability_better=probability_better(candidate, baseline, direction),
        n=len(differences),
        verdict=outcome,
        seeds_needed=seeds_still(outcome, differences, margin, power, alpha, claims),
        smallest_effect=smallest_effect(differences, power, alpha, claims),
        margin=margin,
        direction=direction,
        alpha=alpha,
        claims=claims,
    )


def together(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with Holm's p over all of them, and the verdicts that follow.

    Raises InputError where a comparison was planned for another number of claims than there are.
    """
    for one in comparisons:
        if one.claims != len(comparisons):
            raise InputError(f"expected compare(..., claims={len(comparisons)}) for each, found claims={one.claims}")
    settled = []
    for one, p_holm in zip(comparisons, holm([one.p for one in comparisons]), strict=True):
        outcome = verdict(
            one.lo, one.hi, margin=one.margin, direction=one.direction, n=one.n, p=p_holm, alpha=one.alpha
        )
        needed = one.seeds_needed if outcome == "inconclusive" else one.n
        settled.append(replace(one, p_holm=p_holm, verdict=outcome, seeds_needed=needed))
    return settled


def verdict(
    lo: float,
    hi: float,
    *,
    margin: float,
    direction: Direction,
    n: int,
    p: float | None = None,
    alpha: float = 0.05,
) -> Verdict:
    """The outcome, from the interval of the mean difference over n pairs and, where given, the (Holm-adjusted) p.

    In this order:

    1. `equivalent`: the interval lies within [-margin, margin]. This comes first: a difference that is real but smaller
       than the margin is of no practical use. With a 95% interval it is two one-sided tests at 2.5% each.
    2. `better`, `worse`: the interval excludes 0 and p <= alpha. p may be left out for an interval that is itself a
       test of all claims and looks (`confidence_sequence` at alpha / claims).
    3. `inconclusive`: the rest; and any interval of no width over so few pairs that not even the sign-flip test could
       be significant: that few differences are equal by chance where the metric has steps.
    """
    check_direction(direction)
    if not margin >= 0 or math.isinf(margin):
        raise InputError(f"the margin: expected a finite number >= 0 in the metric's unit, found {margin}")
    if math.isnan(lo) or math.isnan(hi) or lo > hi:
        raise InputError(f"the interval: expected lo <= hi, found [{lo}, {hi}]")
    if lo == hi and smallest_p(n) > alpha:
        return "inconclusive"
    if -margin <= lo and hi <= margin:
        return "equivalent"
    if (lo > 0 or hi < 0) and (p is None or p <= alpha):
        return "better" if (lo > 0) == (direction == "maximize") else "worse"
    return "inconclusive"


def seeds_still(
    outcome: Verdict, differences: Array, margin: float, power: float, alpha: float, claims: int
) -> int | None:
    """Pairs in all: those run where the verdict is clear, else at least one more than those that did not suffice."""
    if outcome != "inconclusive":
        return len(differences)
    needed = seeds_needed(differences, margin, power, alpha, claims)
    return None if needed is None else max(needed, len(differences) + 1)

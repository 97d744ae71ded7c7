"""Intervals of several contrasts that hold together, and the one function that words a contrast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tuner.validation.statistics.comparison import verdict
from tuner.validation.statistics.intervals import confidence_interval, p_of_mean
from tuner.validation.statistics.significance import holm, sign_flip_p
from tuner.validation.statistics.values import Direction, finite

Word = Literal["better", "better by less", "worse", "worse by less", "equivalent", "inconclusive"]
Key = TypeVar("Key")
ALARM = 0.005
"""p from which on the null arm, in which there is nothing to find, counts as an alarm."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One mean difference among several, with an interval that says the same as Holm's test of it."""

    difference: float
    lo: float
    hi: float
    """the interval excludes 0 exactly where p_holm <= alpha"""
    p: float
    """of this contrast alone: the larger of sign-flip's and t's; under repeated looks that of the sequence"""
    p_holm: float
    """after Holm over all contrasts; under repeated looks Bonferroni's, which any stopping leaves valid"""
    method: str
    """of the interval: see `confidence_interval`"""


def simultaneous(
    contrasts: Mapping[Key, ArrayLike],
    rng: np.random.Generator,
    alpha: float = 0.05,
    *,
    often: bool = False,
    reject_at: float | None = None,
) -> dict[Key, Contrast]:
    """Intervals of all contrasts, each of differences (n,), at 1 - alpha together, that agree with Holm's step-down.

    With R of K hypotheses rejected by Holm at alpha, a contrast that is not rejected gets the t interval at
    1 - alpha / (K - R), which holds 0; one that is rejected gets Bonferroni's, at 1 - alpha / K. Where only a later
    step of Holm rejects it, so that Bonferroni's interval reaches 0, its near end is that of the step at which it was
    rejected. The first two are those of Strassburger & Bretz (2008), "Compatible simultaneous lower confidence bounds
    for the Holm procedure"; their bound for the rejected is 0, and says less. The words follow Holm, so that the chance
    of any false one is alpha at most; that all intervals hold together is 1 - alpha where all or none of the effects
    are there, and 1 - 1.5 alpha in the worst mixture (Bonferroni over the others added to Holm's own error).

    A test rejects where both t and the exact sign-flip test do. often: by the confidence sequence, and Bonferroni.
    reject_at: another threshold for p, with which 0 stays in the interval more often; alpha / K by default.
    """
    values = {key: finite(given) for key, given in contrasts.items()}
    if not values:
        return {}
    count = len(values)
    if often:
        ps = [p_of_mean(one, 0.0, often=True) for one in values.values()]
        adjusted = [min(1.0, count * p) for p in ps]
    else:
        ps = [max(sign_flip_p(one, rng), p_of_mean(one, 0.0)) for one in values.values()]
        adjusted = holm(ps)
    threshold = alpha if reject_at is None else reject_at
    order = np.argsort(ps, kind="stable")
    rank = {int(i): position for position, i in enumerate(order)}
    rejected = sum(p <= threshold for p in adjusted)
    found: dict[Key, Contrast] = {}
    for i, (key, one) in enumerate(values.items()):
        out = adjusted[i] <= threshold
        steps = count if out or often else count - rejected
        lo, hi, method = confidence_interval(one, 1 - alpha / steps, often=often)
        if out and lo <= 0 <= hi:
            near = confidence_interval(one, 1 - threshold / (count - rank[i]), often=often)
            lo, hi = (
                (max(near[0], np.nextafter(0, 1)), hi) if one.mean() > 0 else (lo, min(near[1], -np.nextafter(0, 1)))
            )
        elif not out:
            # t alone may exclude 0 where the sign-flip test does not.
            lo, hi = min(lo, 0.0), max(hi, 0.0)
        found[key] = Contrast(float(one.mean()), float(lo), float(hi), ps[i], adjusted[i], method)
    return found


def word(lo: float, hi: float, *, margin: float, direction: Direction, n: int) -> Word:
    """What an interval of `simultaneous` says: the one word for a contrast, wherever it is shown.

    `verdict` of the interval, with `better by less` and `worse by less` told apart from other equivalents: there is a
    difference, and all of the interval lies within the margin.
    """
    outcome = verdict(lo, hi, margin=margin, direction=direction, n=n)
    if outcome != "equivalent" or lo <= 0 <= hi:
        return outcome
    return "better by less" if (lo > 0) == (direction == "maximize") else "worse by less"


def best_of(
    values: Mapping[str, ArrayLike], higher: bool, alpha: float = 0.05, *, often: bool = False
) -> tuple[str, dict[str, tuple[float, float, float]]]:
    """The best of several arms on average, and for each how far it lies from the best: (difference, lo, hi).

    values: arm to (n,), paired. The best was chosen on the same pairs, which the bounds allow for. The end towards
    worse bounds how far an arm may be behind whichever is truly best, at alpha / (K - 1) one-sided, as in Hsu (1984),
    "Constrained simultaneous confidence intervals for multiple comparisons with the best"; the other end, from which an
    arm counts as clearly worse, is at alpha over all pairs of arms.
    """
    sign = 1.0 if higher else -1.0
    arms = {name: sign * finite(given) for name, given in values.items()}
    best = max(arms, key=lambda name: float(arms[name].mean()))
    others = max(1, len(arms) - 1)
    pairs = max(1, len(arms) * (len(arms) - 1) // 2)
    found = {}
    for name, own in arms.items():
        if name == best:
            found[name] = (0.0, 0.0, 0.0)
            continue
        behind = min(
            confidence_interval(own - rival, 1 - 2 * alpha / others, often=often)[0]
            for other, rival in arms.items()
            if other != name
        )
        ahead = confidence_interval(own - arms[best], 1 - alpha / pairs, often=often)[1]
        ends = sorted((sign * behind, sign * max(ahead, behind)))
        found[name] = (sign * float((own - arms[best]).mean()), ends[0], ends[1])
    return best, found

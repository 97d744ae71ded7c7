"""Comparisons of more than two arms over paired blocks: dose-response, ablation ladder, factorial. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tuner.validation import statistics
from tuner.validation.plan import Plan

Values = Mapping[str, np.ndarray]
"""Arm to the primary metric (blocks,)."""
Pair = tuple[str, str]
"""An arm, and the one that is compared with it."""
INTERACTION: Pair = ("", "interaction")
"""The key of the factorial's contrast, which is no pair of arms."""


def family(plan: Plan) -> list[Pair]:
    """Every contrast of the primary metric that a report words, each once; they are judged together.

    The candidates against the baseline, the steps of the ladder that are none of these, the interaction.
    """
    base = next(iter(plan.arms))
    pairs = [(base, name) for name in plan.candidates]
    for before, after in itertools.pairwise(plan.ladder):
        if (before, after) not in pairs and (after, before) not in pairs:
            pairs.append((before, after))
    return [*pairs, INTERACTION] if plan.factorial else pairs


def contrasts(plan: Plan, values: Values) -> dict[Pair, statistics.Contrast]:
    """The contrasts of `family` with their simultaneous intervals."""
    base = next(iter(plan.arms))
    given = {pair: values[pair[1]] - values[pair[0]] for pair in family(plan) if pair != INTERACTION}
    if plan.factorial:
        first, second, both = (values[plan.factorial[part]] for part in ("first", "second", "both"))
        given[INTERACTION] = (both - second) - (first - values[base])
    return statistics.simultaneous(given, np.random.default_rng(0), often=plan.until_decided)


def dose_response(
    values: Values, doses: Mapping[str, float], margin: float, direction: str, often: bool = False
) -> list[dict[str, Any]]:
    """Each dose: its mean with a 95% CI, its paired difference from the best dose with the bounds of `best_of`.

    doses: arms to weight; often: by the confidence sequence, for a validation that is looked at under way. A dose is
    within the margin of the best where its mean is, surely so where the bounds are; it is *clearly* worse where they
    lie beyond the margin.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    best, apart = statistics.best_of({arm: values[arm] for arm in doses}, sign > 0, often=often)
    found = []
    for arm, dose in sorted(doses.items(), key=lambda item: item[1]):
        own_lo, own_hi, _ = statistics.confidence_interval(values[arm], often=often)
        difference, lo, hi = apart[arm]
        found.append(
            {
                "arm": arm,
                "dose": dose,
                "mean": float(values[arm].mean()),
                "ci": [own_lo, own_hi],
                "difference": difference,
                "difference_ci": [lo, hi],
                "best": arm == best,
                "within_margin": sign * difference >= -margin,
                "surely_within": min(sign * lo, sign * hi) >= -margin,
                "clearly_worse": max(sign * lo, sign * hi) < -margin,
            }
        )
    return found


def ladder(steps: Sequence[str], found: Mapping[Pair, statistics.Contrast]) -> list[dict[str, Any]]:
    """One change at a time: each step from the step before it, with its simultaneous interval."""
    rows = []
    for before, after in itertools.pairwise(steps):
        if (before, after) in found:
            c = found[before, after]
            difference, lo, hi = c.difference, c.lo, c.hi
        else:
            c = found[after, before]
            difference, lo, hi = -c.difference, -c.hi, -c.lo
        rows.append({"from": before, "to": after, "difference": difference, "ci": [lo, hi]})
    return rows


def interaction(
    base: str, first: str, second: str, both: str, found: Mapping[Pair, statistics.Contrast]
) -> dict[str, Any]:
    """A 2 x 2 factorial: what both changes do together beyond the sum of what each does alone."""
    extra = found[INTERACTION]
    return {
        "first": first,
        "second": second,
        "both": both,
        "effect_first": found[base, first].difference,
        "effect_second": found[base, second].difference,
        "effect_both": found[base, both].difference,
        "interaction": extra.difference,
        "ci": [extra.lo, extra.hi],
    }

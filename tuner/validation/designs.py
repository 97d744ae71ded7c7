"""Comparisons of more than two arms over paired blocks: dose-response, ablation ladder, factorial. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tuner.validation import statistics

Values = Mapping[str, np.ndarray]
"""Arm to the primary metric (blocks,)."""


def dose_response(
    values: Values, doses: Mapping[str, float], margin: float, direction: str, often: bool = False
) -> list[dict[str, Any]]:
    """Each dose: its mean, its paired difference from the best dose with a 95% CI, and whether it is within the margin.

    doses: arm to weight; often: by the confidence sequence, for a validation that is looked at under way. A dose is
    within the margin of the best where its mean is, surely so where the whole interval is; it is *clearly* worse where
    the interval lies beyond the margin.
    The best dose is chosen on the same blocks, which flatters it: differences from it are a little too large, so the
    set within the margin is, if anything, too small.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    best = max(doses, key=lambda arm: sign * float(values[arm].mean()))
    found = []
    for arm, dose in sorted(doses.items(), key=lambda item: item[1]):
        own_lo, own_hi, _ = statistics.confidence_interval(values[arm], often=often)
        differences = values[arm] - values[best]
        lo, hi = (0.0, 0.0) if arm == best else statistics.confidence_interval(differences, often=often)[:2]
        behind = sign * float(differences.mean())
        found.append(
            {
                "arm": arm,
                "dose": dose,
                "mean": float(values[arm].mean()),
                "ci": [own_lo, own_hi],
                "difference": float(differences.mean()),
                "difference_ci": [lo, hi],
                "best": arm == best,
                "within_margin": behind >= -margin,
                "surely_within": min(sign * lo, sign * hi) >= -margin,
                "clearly_worse": max(sign * lo, sign * hi) < -margin,
            }
        )
    return found


def ladder(values: Values, steps: Sequence[str], often: bool = False) -> list[dict[str, Any]]:
    """One change at a time: the paired difference of each step from the step before it, with a 95% CI."""
    found = []
    for before, after in itertools.pairwise(steps):
        differences = values[after] - values[before]
        lo, hi, _ = statistics.confidence_interval(differences, often=often)
        found.append({"from": before, "to": after, "difference": float(differences.mean()), "ci": [lo, hi]})
    return found


def interaction(values: Values, base: str, first: str, second: str, both: str, often: bool = False) -> dict[str, Any]:
    """A 2 x 2 factorial: what both changes do together beyond the sum of what each does alone, with a 95% CI."""
    extra = (values[both] - values[second]) - (values[first] - values[base])
    lo, hi, _ = statistics.confidence_interval(extra, often=often)
    return {
        "first": first,
        "second": second,
        "both": both,
        "effect_first": float((values[first] - values[base]).mean()),
        "effect_second": float((values[second] - values[base]).mean()),
        "effect_both": float((values[both] - values[base]).mean()),
        "interaction": float(extra.mean()),
        "ci": [lo, hi],
    }

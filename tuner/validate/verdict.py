"""From records to verdicts: pure, no training, no storage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from tuner.validate import designs, measures, statistics
from tuner.validate.plan import Plan
from tuner.validate.recommendation import NULL

Records = Mapping[str, Sequence[measures.Record]]


def judge(plan: Plan, records: Records) -> dict[str, Any]:
    """What `validate --json` prints: primary, margin, seeds, arms, comparisons, claims.

    records: arm to one record a block, the null arm included. Differences are candidate minus baseline in the metric's
    unit; claims are in percent of improvement. What is not finite, an interval without an end say, is None.
    """
    base = next(iter(plan.arms))
    context = measures.context(records[base], plan.spec.training.epochs)
    values = measures.values(records, plan.primary, context)
    assert values is not None
    direction = "maximize" if measures.metric(plan.primary).higher_is_better else "minimize"
    found = {
        "primary": plan.primary,
        "metric": measures.metric(plan.primary).what,
        "margin": plan.margin,
        "seeds": len(records[base]),
        "arms": arms(plan, records, context),
        "comparisons": comparisons(plan, records, context),
        "claims": [claim(given, records, context) for given in plan.claims],
        "dose_response": designs.dose_response(values, plan.doses, plan.margin, direction) if plan.doses else [],
        "ladder": designs.ladder(values, plan.ladder),
        "factorial": designs.interaction(values, base, **plan.factorial) if plan.factorial else None,
    }
    return cast(dict[str, Any], plain(found))


def plain(data: Any) -> Any:
    """The same data as JSON has it: numbers that are not finite become None."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if isinstance(data, np.generic):
        data = data.item()
    return None if isinstance(data, float) and not math.isfinite(data) else data


def decided(plan: Plan, records: Records) -> bool:
    """Whether every comparison has a clear verdict by intervals that hold however often one looks."""
    base = next(iter(plan.arms))
    context = measures.context(records[base], plan.spec.training.epochs)
    return all(c["verdict"] != "inconclusive" for c in comparisons(plan, records, context) if c["candidate"] != NULL)


def arms(plan: Plan, records: Records, context: measures.Context) -> dict[str, Any]:
    """Each arm's knobs, its mean of every metric, and how many of its runs diverged."""
    found: dict[str, Any] = {}
    means: dict[str, dict[str, float]] = {name: {} for name in records}
    for metric in measures.METRICS:
        for name, values in (measures.values(records, metric, context) or {}).items():
            means[name][metric] = float(values.mean())
    for name, runs in records.items():
        config = plan.arms[name if name != NULL else next(iter(plan.arms))]
        effective = [w for r in runs if (w := r.get("effective_weight")) is not None and math.isfinite(w)]
        found[name] = {
            "params": config.knobs(),
            "runs": len(runs),
            "diverged": sum(r["state"] != "complete" for r in runs),
            "effective_weight": float(np.mean(effective)) if effective else None,
            "means": means[name],
        }
    return found


def comparisons(plan: Plan, records: Records, context: measures.Context) -> list[dict[str, Any]]:
    """Every arm against the baseline on the primary metric, Holm over them; the null arm last and outside of Holm."""
    base = next(iter(plan.arms))
    values = measures.values(records, plan.primary, context)
    assert values is not None
    direction: statistics.Direction = "maximize" if measures.metric(plan.primary).higher_is_better else "minimize"

    def compare(name: str, claims: int) -> statistics.Comparison:
        rng = np.random.default_rng(0)
        found = statistics.compare(
            values[base], values[name], margin=plan.margin, direction=direction, rng=rng, claims=claims
        )
        return _looked_at_often(found, values[name] - values[base]) if plan.until_decided else found

    judged = [compare(name, len(plan.candidates)) for name in plan.candidates]
    if not plan.until_decided:
        judged = statistics.together(judged)
    pairs = [*zip(plan.candidates, judged, strict=True), (NULL, compare(NULL, 1))]
    return [
        {
            "baseline": base,
            "candidate": name,
            "metric": plan.primary,
            "difference": c.difference,
            "ci": [c.lo, c.hi],
            "method": c.method,
            "p": c.p,
            "p_holm": c.p_holm,
            "probability_better": c.probability_better,
            "verdict": c.verdict,
            "seeds_needed": c.seeds_needed,
            "smallest_effect": c.smallest_effect,
        }
        for name, c in pairs
    ]


def _looked_at_often(found: statistics.Comparison, differences: np.ndarray) -> statistics.Comparison:
    """The same comparison by a confidence sequence over all claims, which stays honest however often one looks."""
    lows, highs = statistics.confidence_sequence(differences, found.alpha / found.claims)
    lo, hi = float(lows[-1]), float(highs[-1])
    outcome = statistics.verdict(lo, hi, margin=found.margin, direction=found.direction, n=found.n)
    needed: int | None = found.n
    if outcome == "inconclusive":
        # The estimate is that of a single look at the end; a sequence needs more, and at least one more than these.
        needed = None if found.seeds_needed is None else max(found.seeds_needed, found.n + 1)
    return replace(found, lo=lo, hi=hi, method="confidence sequence", verdict=outcome, seeds_needed=needed)


def claim(given: Mapping[str, Any], records: Records, context: measures.Context) -> dict[str, Any]:
    """One claim: claimed, naive and measured improvement in percent, the noise floor beside them, and the verdict."""
    name: str = given["metric"]
    low, high = (float(end) for end in given["claimed"])
    metric = measures.metric(name)
    values = measures.values(records, name, context)
    assert values is not None
    old, new = values[given["baseline"]], values[given["candidate"]]
    change = statistics.relative_change(old, new)
    lo, hi = _improvement(change.lo, metric), _improvement(change.hi, metric)
    lo, hi = min(lo, hi), max(lo, hi)
    naive = measures.values(records, name, context, naive=True)
    baseline = values[next(iter(records))]
    bounded = math.isfinite(lo) and math.isfinite(hi)
    return {
        "id": given["id"],
        "baseline": given["baseline"],
        "candidate": given["candidate"],
        "metric": name,
        "claimed": [low, high],
        "naive": None if naive is None else _percent(naive[given["baseline"]], naive[given["candidate"]], metric),
        "measured": None if change.percent is None else _improvement(change.percent, metric),
        "ci": [lo, hi] if bounded else None,
        "null": _percent(baseline, values[NULL], metric),
        "verdict": claim_verdict(lo, hi, low, high) if bounded else "not shown",
    }


def claim_verdict(lo: float, hi: float, low: float, high: float) -> str:
    """supported, refuted or not shown, for a measured interval and a claimed range of improvement, in percent.

    A range that holds 0 promises that nothing much changes ("slower by < 5%"): it is supported by an interval inside it
    and refuted by one outside of it. Any other range promises a gain.
    """
    if low <= 0 <= high:
        if low <= lo and hi <= high:
            return "supported"
        return "refuted" if hi < low or lo > high else "not shown"
    return statistics.claim_verdict(lo, hi, low, high, "maximize")


def _percent(old: np.ndarray, new: np.ndarray, metric: measures.Metric) -> float | None:
    percent = statistics.relative_change(old, new).percent
    return None if percent is None else _improvement(percent, metric)


def _improvement(percent: float, metric: measures.Metric) -> float:
    """A change in percent, signed so that improvement is positive."""
    return percent if metric.higher_is_better else -percent

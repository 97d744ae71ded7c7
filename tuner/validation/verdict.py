"""From records to verdicts: pure, no training, no storage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from trainer.convergence import PHASES
from tuner.errors import InputError
from tuner.validation import designs, measures, statistics
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL

Records = Mapping[str, Sequence[measures.Record]]


def judge(plan: Plan, records: Records) -> dict[str, Any]:
    """What `validate --json` prints: primary, margin, seeds, arms, comparisons, claims.

    records: arm to one record a block, the null arm included. Differences are candidate minus baseline in the metric's
    unit; claims are in percent of improvement. What is not finite, an interval without an end say, is None.
    """
    base = next(iter(plan.arms))
    context = context_of(plan, records)
    values = primary(plan, records, context)
    metric = measures.metric(plan.primary, plan.reported)
    direction = "maximize" if metric.higher_is_better else "minimize"
    often = plan.until_decided
    family = designs.contrasts(plan, values)
    steps = designs.ladder(plan.ladder, family)
    for step in steps:
        step["word"] = _word(plan, step["ci"], len(records[base]))
    found = {
        "primary": plan.primary,
        "metric": metric.what,
        "margin": plan.margin,
        "seeds": len(records[base]),
        "together": len(family),
        "epochs": plan.spec.training.epochs,
        "arms": arms(plan, records, context),
        "comparisons": comparisons(plan, records, context),
        "claims": claims(plan, records, context),
        "claims_need": {"pairs": plan.claimed, "seeds": statistics.seeds_for_claims(max(1, plan.claimed))},
        "dose_response": designs.dose_response(values, plan.doses, plan.margin, direction, often) if plan.doses else [],
        "ladder": steps,
        "factorial": designs.interaction(base, **plan.factorial, found=family) if plan.factorial else None,
        "left_out": [name for name in measures.METRICS if measures.lacks(records, name, list(records), context)],
    }
    return cast(dict[str, Any], plain(found))


def context_of(plan: Plan, records: Records) -> measures.Context:
    """What the metrics need of the baseline's runs."""
    goal = plan.spec.goal if plan.spec.command is not None else None
    return measures.context(records[next(iter(plan.arms))], plan.spec.training.epochs, goal, plan.reported)


def primary(plan: Plan, records: Records, context: measures.Context) -> dict[str, np.ndarray]:
    """The primary metric of every arm (blocks,). Raises InputError where the runs do not define it."""
    values = measures.values(records, plan.primary, context)
    if missing := [name for name in records if name not in values]:
        raise InputError(
            f"primary: {plan.primary} is not defined for runs of {plan.spec.training.epochs} epochs "
            f"({', '.join(missing)}); choose another metric, or more epochs"
        )
    return values


def plain(data: Any) -> Any:
    """The same data as JSON has it: numbers that are not finite become None; 0 has no sign."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if isinstance(data, np.generic):
        data = data.item()
    if isinstance(data, float):
        return data + 0.0 if math.isfinite(data) else None
    return data


def decided(plan: Plan, records: Records) -> bool:
    """Whether every comparison has a clear verdict by intervals that hold however often one looks."""
    context = context_of(plan, records)
    return all(c["verdict"] != "inconclusive" for c in comparisons(plan, records, context) if c["candidate"] != NULL)


def arms(plan: Plan, records: Records, context: measures.Context) -> dict[str, Any]:
    """Each arm's knobs, its mean of every metric, and how many of its runs diverged."""
    found: dict[str, Any] = {}
    means: dict[str, dict[str, float]] = {name: {} for name in records}
    for metric in (*measures.METRICS, *plan.reported):
        for name, values in measures.values(records, metric, context).items():
            means[name][metric] = float(values.mean())
    for name, runs in records.items():
        config = plan.arms[name if name != NULL else next(iter(plan.arms))]
        effective = [w for r in runs if (w := r.get("effective_weight")) is not None and math.isfinite(w)]
        found[name] = {
            "params": config.knobs(),
            "runs": len(runs),
            "diverged": (diverged := sum(r["state"] != "complete" for r in runs)),
            "diverging": list(statistics.share_bounds(diverged, len(runs))),
            "censored": measures.censored(runs, context),
            "effective_weight": float(np.mean(effective)) if effective else None,
            "means": means[name],
        }
    return found


def _word(plan: Plan, ci: Sequence[float], n: int) -> statistics.Word:
    """The one word for a contrast of the primary metric, wherever it is shown."""
    higher = measures.metric(plan.primary, plan.reported).higher_is_better
    return statistics.word(*ci, margin=plan.margin, direction="maximize" if higher else "minimize", n=n)


def comparisons(plan: Plan, records: Records, context: measures.Context) -> list[dict[str, Any]]:
    """Every arm against the baseline on the primary metric, by intervals that hold together; the null arm last.

    The null arm stands outside: its interval is its own, and leaves 0 out only at an alarm.
    """
    base = next(iter(plan.arms))
    values = primary(plan, records, context)
    metric = measures.metric(plan.primary, plan.reported)
    direction: statistics.Direction = "maximize" if metric.higher_is_better else "minimize"
    family = designs.contrasts(plan, values)
    rng, often = np.random.default_rng(0), plan.until_decided
    differences = {NULL: values[NULL] - values[base]}
    alone = statistics.simultaneous(differences, rng, often=often, reject_at=statistics.ALARM)[NULL]
    pairs = [*((name, family[base, name]) for name in plan.candidates), (NULL, alone)]

    def row(name: str, found: statistics.Contrast) -> dict[str, Any]:
        # Equal in that nothing was measured is not equivalent.
        silent = all(r["state"] != "complete" for r in (*records[base], *records[name]))
        said = "inconclusive" if silent else _word(plan, [found.lo, found.hi], len(values[base]))
        plain_verdict = {"better by less": "equivalent", "worse by less": "equivalent"}.get(said, said)
        planned = statistics.compare(
            values[base],
            values[name],
            margin=plan.margin,
            direction=direction,
            rng=np.random.default_rng(0),
            claims=len(family) if name != NULL else 1,
        )
        n, needed = planned.n, planned.seeds_needed
        if silent:
            needed = None
        elif plain_verdict != "inconclusive":
            needed = n
        elif needed is not None:
            needed = max(needed, n + 1)
        return {
            "baseline": base,
            "candidate": name,
            "metric": plan.primary,
            "difference": found.difference,
            "ci": [found.lo, found.hi],
            "method": "confidence sequence" if often else found.method,
            "p": found.p,
            "p_holm": found.p_holm,
            "probability_better": planned.probability_better,
            "verdict": plain_verdict,
            "word": said,
            "seeds_needed": needed,
            "smallest_effect": planned.smallest_effect,
        }

    return [row(name, found) for name, found in pairs]


def claims(plan: Plan, records: Records, context: measures.Context) -> list[dict[str, Any]]:
    """Every claim: claimed, naive and measured improvement in percent, the noise floor beside them, and the verdict.

    Holm over the distinct pairs of arms and metric, once for what supports claims and once for what refutes them: of
    many claims that are false, some would be supported by chance, and of many that are true, some refuted. A claim of
    a metric with other readings is supported, or refuted, only where every reading is, each by its own interval.
    """
    base = next(iter(plan.arms))
    found = []
    for given in plan.claims:
        name: str = given["metric"]
        why = measures.why_not(records, name, (given["baseline"], given["candidate"]), context)
        row = {
            **{key: given[key] for key in ("id", "baseline", "candidate", "metric")},
            "claimed": [float(end) for end in given["claimed"]],
            "naive": None if why else percent(records, name, given["baseline"], given["candidate"], context, True),
            "measured": None,
            "ci": None,
            "null": None if why else percent(records, name, base, NULL, context),
            "p_for": 1.0,
            "p_against": 1.0,
            "verdict": "not shown",
            "why": why,
            "read_as": [float(end) for end in given["claimed"]],
            "ceiling": None,
            "beside": [],
        }
        found.append(row | ({} if why else _measured(given, records, context, plan.until_decided)))
    pairs = [(one["baseline"], one["candidate"], one["metric"]) for one in found]
    for key in ("p_for", "p_against"):
        adjusted = statistics.holm_by_group([one[key] for one in found], pairs)
        for one, p in zip(found, adjusted, strict=True):
            one[key] = p
    for one in found:
        if one["ci"] is not None:
            one["verdict"] = _agreed(one)
    return found


def _agreed(claim: Mapping[str, Any]) -> str:
    """The verdict that all readings of a claim share; `not shown` where they differ."""
    low, high = claim["read_as"]
    if claim["why"] == "equal":
        # The same in every seed is no estimate with an error: nothing changes.
        return "supported" if low <= 0 <= high else "refuted"
    ps = {"p_for": claim["p_for"], "p_against": claim["p_against"]}
    words = {
        statistics.claim_verdict(ci[0], ci[1], low, high, **ps)
        for ci in (claim["ci"], *(b["ci"] for b in claim["beside"]))
        if ci is not None
    }
    return words.pop() if len(words) == 1 else "not shown"


def _measured(given: Mapping[str, Any], records: Records, context: measures.Context, often: bool) -> dict[str, Any]:
    """The measured part of one claim, before Holm."""
    name, arms = given["metric"], (given["baseline"], given["candidate"])
    metric = measures.metric(name, context.reported)
    values = measures.values(records, name, context)
    low, high = read_as = readings(name, given["claimed"][0], given["claimed"][1], float(values[arms[0]].mean()))
    top = float(values[arms[0]].mean()) * (1 + low / 100)
    common = {"read_as": list(read_as), "ceiling": top if name in SCORES and top > 1 else None}
    sign = 1.0 if metric.higher_is_better else -1.0

    def one(metric_name: str) -> tuple[float, list[float] | None, float, float] | None:
        """Improvement, interval, p for, p against; None where there is no percent."""
        of = measures.values(records, metric_name, context)
        change = statistics.relative_change(of[arms[0]], of[arms[1]], often=often)
        if change.percent is None:
            return None
        gain = sign * change.percent
        lo, hi = sorted((sign * change.lo, sign * change.hi))
        bounded = math.isfinite(lo) and math.isfinite(hi)
        ps = statistics.claim_p(gain, low, high, lambda at: change.p_at(sign * at)) if bounded else (1.0, 1.0)
        return gain, [lo, hi] if bounded else None, *ps

    own = one(name)
    if own is None:
        return {"why": "zero"} | common
    gain, ci, p_for, p_against = own
    if ci is None:
        return {"measured": gain, "why": "unbounded"} | common
    if ci[0] == gain == ci[1] == 0:
        return {"measured": gain, "ci": ci, "why": "equal"} | common
    beside = []
    for other in measures.COMPANIONS.get(name, ()):
        found = None if measures.why_not(records, other, arms, context) else one(other)
        if found is not None and found[1] is not None:
            beside.append({"metric": other, "measured": found[0], "ci": found[1]})
            p_for, p_against = max(p_for, found[2]), max(p_against, found[3])
    return {"measured": gain, "ci": ci, "p_for": p_for, "p_against": p_against, "beside": beside} | common


SCORES = ("final_performance", "macro_f1", "accuracy", "minority_performance", *(f"area_{p}" for p in PHASES))
"""Metrics of which 1 is the most there is, and of which a percent may be a point."""


def readings(metric: str, low: float, high: float, baseline: float) -> tuple[float, float]:
    """The range of a claimed gain that is compatible with any way to read it, in percent of the baseline's mean.

    `+1..2%` of a score may be percent or points; `+20% speed` may be 20% fewer epochs or 1.2 times the pace, which is
    16.7% fewer. A claim is refuted only where no reading holds, and supported where one does.
    """
    if low <= 0:
        return low, high
    if metric in SCORES and baseline > 0:
        return min(low, low / baseline), max(high, high / baseline)
    if metric in ("speed", "epochs_to_95"):
        return 100 * (1 - 1 / (1 + low / 100)), high
    return low, high


def percent(
    records: Records, name: str, old: str, new: str, context: measures.Context, naive: bool = False
) -> float | None:
    """Improvement from one arm to another in percent; None where it is not defined."""
    values = measures.values(records, name, context, naive=naive)
    if old not in values or new not in values:
        return None
    change = statistics.relative_change(values[old], values[new]).percent
    return None if change is None else change if measures.metric(name, context.reported).higher_is_better else -change

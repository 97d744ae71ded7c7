"""From records to verdicts: pure, no training, no storage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

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
            "diverged": sum(r["state"] != "complete" for r in runs),
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

    Holm over all claims, once for what supports them and once for what refutes them: of many claims that are false,
    some would be supported by chance, and of many that are true, some refuted.
    """
    base = next(iter(plan.arms))
    found = []
    for given in plan.claims:
        name: str = given["metric"]
        why = measures.why_not(records, name, (given["baseline"], given["candidate"]), context)
        found.append(
            {
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
            }
            | ({} if why else _measured(given, records, context, plan.until_decided))
        )
    for key in ("p_for", "p_against"):
        for one, p in zip(found, statistics.holm([one[key] for one in found]), strict=True):
            one[key] = p
    for one in found:
        if one["ci"] is not None:
            one["verdict"] = statistics.claim_verdict(
                *one["ci"], *one["claimed"], p_for=one["p_for"], p_against=one["p_against"]
            )
    return found


def _measured(given: Mapping[str, Any], records: Records, context: measures.Context, often: bool) -> dict[str, Any]:
    """The measured part of one claim, before Holm."""
    metric = measures.metric(given["metric"], context.reported)
    values = measures.values(records, given["metric"], context)
    change = statistics.relative_change(values[given["baseline"]], values[given["candidate"]], often=often)
    if change.percent is None:
        return {"why": "zero"}
    sign = 1.0 if metric.higher_is_better else -1.0
    lo, hi = sorted((sign * change.lo, sign * change.hi))
    low, high = given["claimed"]
    p_for, p_against = statistics.claim_p(sign * change.percent, low, high, lambda gain: change.p_at(sign * gain))
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return {"measured": sign * change.percent, "why": "unbounded"}
    # Equal in every block: an interval of no width, which looks more certain than so few blocks can be.
    why = "equal" if lo == change.percent == hi == 0 else None
    return {"measured": sign * change.percent, "ci": [lo, hi], "p_for": p_for, "p_against": p_against, "why": why}


def percent(
    records: Records, name: str, old: str, new: str, context: measures.Context, naive: bool = False
) -> float | None:
    """Improvement from one arm to another in percent; None where it is not defined."""
    values = measures.values(records, name, context, naive=naive)
    if old not in values or new not in values:
        return None
    change = statistics.relative_change(values[old], values[new]).percent
    return None if change is None else change if measures.metric(name, context.reported).higher_is_better else -change

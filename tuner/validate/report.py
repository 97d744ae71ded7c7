"""The report of a validation in Markdown: verdict first, then every claim, then how to repeat it."""

from __future__ import annotations

from typing import Any

from tuner.validate import measures
from tuner.validate.blocks import Plan
from tuner.validate.recommendation import NULL


def sentence(result: dict[str, Any], candidate: str) -> str:
    """The verdict on one arm in a sentence."""
    c = next(c for c in result["comparisons"] if c["candidate"] == candidate)
    lo, hi = c["ci"]
    words = {
        "better": f"is better than {c['baseline']}",
        "worse": f"is worse than {c['baseline']}",
        "equivalent": f"is equivalent to {c['baseline']} within {result['margin']:g}",
        "inconclusive": f"cannot be told from {c['baseline']} yet",
    }
    text = f"{candidate} {words[c['verdict']]}: {c['difference']:+.4f} {c['metric']}, 95% CI [{lo:+.4f}, {hi:+.4f}]"
    if c["verdict"] == "inconclusive" and c["seeds_needed"]:
        text += f"; about {c['seeds_needed']} seeds would decide it"
    return text


def markdown(result: dict[str, Any], plan: Plan, title: str) -> str:
    """The whole report."""
    lines = [f"# {title}", ""]
    lines += [f"- {sentence(result, c['candidate'])}" for c in result["comparisons"] if c["candidate"] != NULL]
    lines += ["", f"{result['seeds']} paired seeds; primary metric {plan.primary} "]
    lines[-1] += f"({measures.metric(plan.primary).what}); practical margin {plan.margin:g}."
    lines += ["", "## Arms", "", _row(["arm", *_HEAD, "diverged"]), "|" + " --- |" * (len(_HEAD) + 2)]
    for name, arm in result["arms"].items():
        lines.append(_row([name, *(_number(arm["means"].get(m)) for m in _HEAD), str(arm["diverged"])]))
    lines += ["", "`null` is the baseline again with another dropout and batch order: its differences are noise.", ""]
    lines += ["## Differences from the baseline", ""]
    lines += [_row(["candidate", "difference", "95% CI", "p", "p (Holm)", "P(better)", "verdict", "seeds needed"])]
    lines += ["|" + " --- |" * 8]
    for c in result["comparisons"]:
        lo, hi = c["ci"]
        cells = [c["candidate"], f"{c['difference']:+.4f}", f"{lo:+.4f} .. {hi:+.4f}", _p(c["p"]), _p(c["p_holm"])]
        cells += [f"{c['probability_better']:.2f}", c["verdict"], str(c["seeds_needed"] or "")]
        lines.append(_row(cells))
    lines += ["", *_claims(result)]
    lines += ["## Fixed beforehand", "", f"- seeds: {plan.seeds}, fresh (never used by a search)"]
    training, data = plan.spec.training, plan.spec.data
    lines += [f"- data: {data.path or data.source}, labels {data.labels:g}; {training.epochs} epochs"]
    lines += [f"- arm `{name}`: {_knobs(config.knobs())}" for name, config in plan.arms.items()]
    lines += ["", "## How to read it", ""]
    lines += [
        "- *Measured* is the mean paired change in percent on a yardstick that no knob rescales; positive is an "
        "improvement. *Naive* is the same read off the weighted total loss, as the recommendation would have: the gap "
        "between the two is arithmetic.",
        "- *Supported*: the interval overlaps the claimed range and excludes no effect. *Refuted*: it lies outside the "
        "claimed range. *Not shown*: anything else.",
        "- p: exact sign-flip test over seeds; Holm over the comparisons.",
        "",
    ]
    return "\n".join(lines)


_HEAD = ("final_performance", "macro_f1", "speed", "stability", "training_loss", "reconstruction")


def _claims(result: dict[str, Any]) -> list[str]:
    if not result["claims"]:
        return []
    lines = [
        "## Claims",
        "",
        _row(["claim", "metric", "claimed %", "naive %", "measured %", "95% CI", "null %", "verdict"]),
    ]
    lines += ["|" + " --- |" * 8]
    for c in result["claims"]:
        lo, hi = c["claimed"]
        ci = "" if c["ci"] is None else f"{c['ci'][0]:+.1f} .. {c['ci'][1]:+.1f}"
        cells = [c["id"], c["metric"], f"{lo:g} .. {hi:g}", _percent(c["naive"]), _percent(c["measured"]), ci]
        lines.append(_row([*cells, _percent(c["null"]), c["verdict"]]))
    return [*lines, ""]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _knobs(knobs: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in knobs.items())

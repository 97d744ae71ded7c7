"""Runs that diverged, everything that was fixed, and the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.report.document import Badge, Block, Code, Heading, Items, Table, Text
from tuner.system import provenance
from tuner.validation.report.sections.source import Source


def diverged(s: Source) -> list[Block]:
    """Runs that diverged, and why."""
    w = s.words
    found = []
    for name, arm in s.result["arms"].items():
        if arm["diverged"]:
            records = s.records[name] if s.records else []
            reasons = list(dict.fromkeys(str(r.get("reason", "")) for r in records if r["state"] != "complete"))
            why = "; ".join(reason for reason in reasons if reason)
            said = w("colon") + why if why else ""
            low, high = (f"{share:.0%}" for share in arm["diverging"])
            found.append(w("diverged", arm=name, n=arm["diverged"], runs=arm["runs"], reasons=said, low=low, high=high))
    if found:
        return [Heading(w("h_diverged")), Items(found), Text(w("diverged_note"), "note")]
    runs = sum(arm["runs"] for arm in s.result["arms"].values())
    each = s.result["arms"][s.base]
    text = w("none_diverged", runs=runs, each=each["runs"], high=f"{each['diverging'][1]:.0%}")
    return [Heading(w("h_diverged")), Text(text)]


def settings(s: Source, command: str | None) -> list[Block]:
    """Everything that was fixed, each arm's means, and the command."""
    w, plan, spec = s.words, s.plan, s.plan.as_data()["spec"]
    seeds = w("until_decided" if plan.until_decided else "seeds_value", seeds=plan.seeds)
    trained: list[list[str | Badge]] = [
        [w("data"), _fields(spec["data"])],
        [w("model"), _fields(spec["model"])],
        [w("training"), _fields(spec["training"])],
    ]
    if plan.spec.command is not None:
        trained = [[w("command"), f"`{plan.spec.command}`"], [w("epochs"), str(plan.spec.training.epochs)]]
    if plan.code:
        trained.append([w("code"), ", ".join(f"{name} {digits}" for name, digits in plan.code.items())])
    rows: list[list[str | Badge]] = [
        *trained,
        [w("seeds"), seeds],
        [w("margin"), f"{s.margin} ({w.metric(plan.primary)})"],
        [w("versions"), ", ".join(f"{name} {version}" for name, version in provenance.versions().items())],
    ]
    arms: list[list[str | Badge]] = []
    usual = ("final_performance", "macro_f1", "accuracy", "training_loss", "reconstruction")
    there = [arm["means"] for arm in s.result["arms"].values()]
    columns = [name for name in dict.fromkeys((*plan.reported, *usual)) if any(name in means for means in there)]
    base = s.result["arms"][s.base]["params"]
    for name, arm in s.result["arms"].items():
        means = ["" if arm["means"].get(m) is None else f"{arm['means'][m]:.4f}" for m in columns]
        # The baseline's knobs in full, of the others what differs: what is the same would hide it.
        shown = arm["params"] if name == s.base else {k: v for k, v in arm["params"].items() if base.get(k) != v}
        knobs = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())
        said = f"`{knobs}`" if knobs else w("same_knobs", baseline=s.base)
        arms.append([f"`{name}`", *means, str(arm["diverged"]), said])
    head = [w("arm"), *map(w.metric, columns), w("diverged_runs"), w("settings_of")]
    blocks: list[Block] = [
        Heading(w("h_settings")),
        Table([w("setting"), w("value")], rows, frozenset({0, 1})),
        Heading(w("arms"), 3),
        Table(head, arms, frozenset({0, len(head) - 1})),
        Heading(w("h_repeat")),
    ]
    return [*blocks, *([Code(command)] if command else []), Text(w("made_by"), "note")]


def _fields(section: Mapping[str, Any]) -> str:
    shown = {k: f"{v:g}" if isinstance(v, float) else str(v) for k, v in section.items() if v is not None}
    return ", ".join(f"{name} {value}" for name, value in shown.items())

"""The dose-response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.report.document import Badge, Block, Figure, Heading, Table, Text
from tuner.validation.plan import Plan
from tuner.validation.report import figures
from tuner.validation.report.numbers import ends, interval, signed
from tuner.validation.report.sections.source import Source

READINGS = {"dose_within": "same", "dose_clearly": "bad", "dose_perhaps": "open"}
"""What an interval says of a dose, and its colour."""


def dose_response(s: Source) -> list[Block]:
    """The curve over doses, and in a sentence which of them will do."""
    w, found = s.words, s.result["dose_response"]
    if not found:
        return []
    best = next(d for d in found if d["best"])
    knob = _knob(s.plan)
    named = [s.base, *s.plan.candidates]
    marked = [d for d in found if d["arm"] in named]
    others = {
        reading: [f"{d['dose']:g}" for d in found if not d["best"] and _reading(d) == reading] for reading in READINGS
    }
    within, worse = others["dose_within"], others["dose_clearly"]
    said = [
        w(
            "dose_sentence",
            margin=s.margin,
            knob=knob,
            best=f"{best['dose']:g}",
            within=w.join(within) if within else w("dose_none"),
        ),
        w("dose_beyond", worse=w.join(worse)) if worse else w("dose_none_worse"),
    ]
    if others["dose_perhaps"]:
        said.append(w("dose_open", open=w.join(others["dose_perhaps"])))
    for d in marked:
        if not d["best"]:
            ci = dict(zip(("lo", "hi"), map(signed, ends(d["difference_ci"])), strict=True))
            dose, difference, reading = f"{d['dose']:g}", signed(d["difference"]), w(_reading(d))
            said.append(w("dose_marked", dose=dose, arm=d["arm"], difference=difference, reading=reading, **ci))
    blocks: list[Block] = [Heading(w("h_dose")), Text(("" if w.lang == "zh" else " ").join(said))]
    if found[0]["dose"] >= 0 and found[-1]["dose"] > 0:
        points = []
        for d in found:
            points.append(
                (d["dose"], figures.Bar(d["arm"], d["difference"], *ends(d["difference_ci"]), f"--{_tone(d)}"))
            )
        label = f"{w('dose_axis')}{w('colon')}{w.metric(s.plan.primary)}"
        drawn = figures.doses(points, [d["dose"] for d in marked], s.plan.margin, knob, label, s.sign)
        caption = w("dose_caption", best=f"{best['dose']:g}", margin=s.margin)
        bars = [bar for _, bar in points]
        if figures.clips(bars, figures.reach(bars, s.plan.margin)):
            caption += " " + w("clipped")
        blocks.append(Figure([drawn], caption))
    rows: list[list[str | Badge]] = []
    for d in found:
        cells = [f"{d['dose']:g}", f"{d['mean']:.4f}", interval(d["ci"], plain=True)]
        cells += [signed(d["difference"]), interval(d["difference_ci"]) if not d["best"] else ""]
        rows.append([*cells, Badge(w("dose_best" if d["best"] else _reading(d)), _tone(d))])
    head = [f"`{knob}`", w("mean"), w("ci"), w("dose_axis"), w("ci"), w("reading")]
    return [*blocks, Table(head, rows, frozenset({0, 5})), Text(w("dose_note"), "note")]


def _reading(dose: Mapping[str, Any]) -> str:
    """What its interval says of a dose, as a key of the strings."""
    return "dose_within" if dose["surely_within"] else "dose_clearly" if dose["clearly_worse"] else "dose_perhaps"


def _tone(dose: Mapping[str, Any]) -> str:
    return "good" if dose["best"] else READINGS[_reading(dose)]


def _knob(plan: Plan) -> str:
    """The knob that the doses are values of."""
    configs = {arm: plan.arms[arm].knobs() for arm in plan.doses if arm in plan.arms}
    for knob in next(iter(configs.values()), {}):
        if all(knobs.get(knob) == plan.doses[arm] for arm, knobs in configs.items()):
            return knob
    return "dose"

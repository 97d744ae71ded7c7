"""The dose-response."""

from __future__ import annotations

from tuner.report.document import Badge, Block, Figure, Heading, Table, Text
from tuner.validate.plan import Plan
from tuner.validate.report import figures
from tuner.validate.report.numbers import interval, signed
from tuner.validate.report.sections.source import Source


def dose_response(s: Source) -> list[Block]:
    """The curve over doses, and in a sentence which of them will do."""
    w, found = s.words, s.result["dose_response"]
    if not found:
        return []
    best = next(d for d in found if d["best"])
    knob = _knob(s.plan)
    named = [s.base, *s.plan.candidates]
    marked = [d for d in found if d["arm"] in named]
    within = w.join([f"{d['dose']:g}" for d in found if d["within_margin"]])
    worse = [f"{d['dose']:g}" for d in found if d["clearly_worse"]]
    said = [w("dose_sentence", margin=s.margin, knob=knob, best=f"{best['dose']:g}", within=within)]
    said.append(w("dose_beyond", worse=w.join(worse)) if worse else w("dose_none_worse"))
    for d in marked:
        inside = "dose_inside" if d["within_margin"] else "dose_outside"
        said.append(w(inside, dose=f"{d['dose']:g}", arm=d["arm"], difference=signed(d["difference"])))
    blocks: list[Block] = [Heading(w("h_dose")), Text(("" if w.lang == "zh" else " ").join(said))]
    if found[0]["dose"] >= 0 and found[-1]["dose"] > 0:
        points = []
        for d in found:
            lo, hi = d["difference_ci"]
            tone = "--good" if d["best"] else "--same" if d["within_margin"] else "--bad"
            tone = tone if d["within_margin"] or d["clearly_worse"] else "--open"
            points.append((d["dose"], figures.Bar(d["arm"], d["difference"], lo, hi, tone)))
        label = f"{w('dose_axis')}{w('colon')}{w.metric(s.plan.primary)}"
        drawn = figures.doses(points, [d["dose"] for d in marked], s.plan.margin, knob, label, s.sign)
        caption = w("dose_caption", best=f"{best['dose']:g}", margin=s.margin)
        bars = [bar for _, bar in points]
        if figures.clips(bars, figures.reach(bars, s.plan.margin)):
            caption += " " + w("clipped")
        blocks.append(Figure([drawn], caption))
    rows: list[list[str | Badge]] = []
    for d in found:
        key, tone = ("dose_best", "good") if d["best"] else ("dose_within", "same")
        if not d["within_margin"]:
            key, tone = ("dose_clearly", "bad") if d["clearly_worse"] else ("dose_perhaps", "open")
        cells = [f"{d['dose']:g}", f"{d['mean']:.4f}", interval(d["ci"], plain=True)]
        cells += [signed(d["difference"]), interval(d["difference_ci"]) if not d["best"] else ""]
        rows.append([*cells, Badge(w(key), tone)])
    head = [f"`{knob}`", w("mean"), w("ci"), w("dose_axis"), w("ci"), w("reading")]
    return [*blocks, Table(head, rows, frozenset({0, 5}))]


def _knob(plan: Plan) -> str:
    """The knob that the doses are values of."""
    configs = {arm: plan.arms[arm].knobs() for arm in plan.doses if arm in plan.arms}
    for knob in next(iter(configs.values()), {}):
        if all(knobs.get(knob) == plan.doses[arm] for arm, knobs in configs.items()):
            return knob
    return "dose"

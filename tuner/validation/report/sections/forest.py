"""Differences from the baseline, drawn and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.report.document import Badge, Block, Figure, Heading, Table, Text
from tuner.validation.recommendation import NULL
from tuner.validation.report import figures
from tuner.validation.report.numbers import ends, interval, p_value, signed
from tuner.validation.report.sections.source import TONES, Source


def forest(s: Source) -> list[Block]:
    """Differences from the baseline, drawn and as a table."""
    w = s.words

    def bar(c: Mapping[str, Any], tone: str) -> figures.Bar:
        lo, hi = ends(c["ci"])
        said = w("null_word" if c is s.null and c["word"] not in ("better", "worse") else c["word"], margin=s.margin)
        return figures.Bar(c["candidate"], c["difference"], lo, hi, tone, f"{signed(c['difference'])}  {said}")

    bars = [bar(c, TONES.get(c["word"], "open")) for c in s.candidates]
    null = bar(s.null, "null")
    caption = w("forest_caption", baseline=s.base, margin=s.margin, together=s.result["together"])
    caption += f" *{w.metric(s.plan.primary)}{w('colon')}{w('higher' if s.sign > 0 else 'lower')}*"
    if figures.clips([*bars, null], figures.reach([*bars, null], s.plan.margin)):
        caption += " " + w("clipped")
    rows: list[list[str | Badge]] = []
    for c in s.result["comparisons"]:
        needed = "" if c["seeds_needed"] is None else str(c["seeds_needed"])
        cells = [f"`{c['candidate']}`", signed(c["difference"]), interval(c["ci"]), p_value(c["p"])]
        cells += [p_value(c["p_holm"]) if c["candidate"] != NULL else "", f"{c['probability_better']:.2f}"]
        smallest = "" if c["smallest_effect"] is None else f"{c['smallest_effect']:.4f}"
        rows.append([*cells, smallest, needed, s.badge(c["word"])])
    keys = ("candidate", "difference", "ci", "p", "p_holm", "probability", "smallest", "needed", "verdict")
    head = ["p" if key == "p" else w(key) for key in keys]
    return [
        Heading(w("h_forest")),
        Figure([figures.forest(bars, null, s.plan.margin, w("h_forest"))], caption),
        Table(head, rows, frozenset({0, 8})),
        Text(w("forest_note"), "note"),
        Text(w("by sequence" if s.plan.until_decided else "by t"), "note"),
    ]

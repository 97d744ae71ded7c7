"""The document's own tables, refilled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.report.document import Badge, Block, Heading, Table, Text
from tuner.validate.report.numbers import percent, percents
from tuner.validate.report.sections.source import AT, Source, claim_verdict, epoch_of, runs_of
from tuner.validate.report.strings import METRICS

OVERVIEW = ("speed", "stability", "final_performance", "training_loss", "training_fluctuation")
"""Rows of the document's table 1.2."""
FALL = ("training_loss", "training_fluctuation")
"""Those that the document signs as they fall."""


def document(s: Source) -> list[Block]:
    """The document's tables 1.2 and 3.2, for those arms of which it claims a training loss."""
    w = s.words
    stated: dict[tuple[str, str], Mapping[str, Any]] = {}
    for c in s.result["claims"]:  # the first of several: claims by phase repeat some of a plan's
        if c["baseline"] == s.base:
            stated.setdefault((c["candidate"], c["metric"]), c)
    arms = list(dict.fromkeys(arm for arm, metric in stated if metric == "training_loss"))
    blocks: list[Block] = []
    if arms:
        head = [w("indicator")]
        for arm in arms:
            head += [w("d_claimed", arm=f"`{arm}`"), w("d_naive"), w("d_measured"), w("verdict")]
        rows: list[list[str | Badge]] = []
        for metric in OVERVIEW:
            row: list[str | Badge] = [METRICS[w.lang][f"row_{metric}"]]
            for arm in arms:
                row += _overview_cells(s, stated.get((arm, metric)), metric)
            rows.append(row)
        left = frozenset({0, *range(4, 4 * len(arms) + 1, 4)})
        blocks += [Heading(w("h_overview"), 3), Table(head, rows, left), Text(w("signs_note"), "note")]
    blocks += _losses(s, stated)
    return [Heading(w("h_document")), *blocks] if blocks else []


def _overview_cells(s: Source, claim: Mapping[str, Any] | None, metric: str) -> list[str | Badge]:
    if claim is None:
        return ["", "", "", ""]
    sign = -1.0 if metric in FALL else 1.0
    claimed = percents(sorted(sign * end for end in claim["claimed"]))
    return [claimed, _times(sign, claim["naive"]), _times(sign, claim["measured"]), s.badge(claim_verdict(claim))]


def _times(sign: float, value: float | None) -> str:
    return percent(None if value is None else sign * value)


def _losses(s: Source, stated: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Block]:
    w, budget = s.words, s.plan.spec.training.epochs
    epochs = sorted({epoch_of(c) for c in stated.values()} - {0})
    arms = list(dict.fromkeys(arm for arm, metric in stated if metric.startswith(AT)))
    if s.records is None or not epochs or not any(runs_of(s, s.base, "weighted/total")[0].size for _ in epochs):
        return []
    rows: list[list[str | Badge]] = []
    for epoch in (e for e in epochs if e <= budget):
        for arm in [s.base, *arms]:
            totals, losses = (runs_of(s, arm, name)[0] for name in ("weighted/total", "train/cross_entropy"))
            claim = stated.get((arm, f"{AT}{epoch}"))
            values = [f"{r[:, epoch - 1].mean():.3f}" if r.size else "" for r in (totals, losses)]
            claimed, naive, measured = "", "", ""
            if claim is not None:
                claimed = percents(sorted(-end for end in claim["claimed"]))
                naive, measured = _times(-1.0, claim["naive"]), _times(-1.0, claim["measured"])
            first = f"{epoch}" if arm == s.base else ""
            rows.append([first, f"`{arm}`", claimed, values[0], naive, values[1], measured])
    keys = ("epoch", "arm", "d_change", "d_total", "d_total_change", "d_ce", "d_ce_change")
    blocks: list[Block] = [Heading(w("h_losses"), 3)]
    if rows:
        blocks.append(Table([w(key) for key in keys], rows, frozenset({0, 1})))
    missing = [str(epoch) for epoch in epochs if epoch > budget]
    note = w("losses_note")
    if missing:
        note += ("" if w.lang == "zh" else " ") + w("unreached", epochs=budget, missing=w.join(missing))
    return [*blocks, Text(note, "note")]

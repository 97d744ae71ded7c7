"""The document's own tables, refilled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tuner.report.document import Badge, Block, Figure, Heading, Table, Text
from tuner.validation.recommendation import NULL
from tuner.validation.report import figures
from tuner.validation.report.numbers import percent, percent_interval, percents
from tuner.validation.report.sections.source import AT, Source, claim_verdict, epoch_of, runs_of
from tuner.validation.report.strings import METRICS

OVERVIEW = ("speed", "stability", "final_performance", "training_loss", "training_fluctuation")
"""Rows of the document's table 1.2."""
FALL = ("training_loss", "training_fluctuation")
"""Those that the document signs as they fall."""
Claim = Mapping[str, Any]
Stated = Mapping[tuple[str, str], Claim]


def document(s: Source) -> list[Block]:
    """The document's tables 1.2 and 3.2, for those arms of which it claims a training loss."""
    ranges: dict[tuple[str, str], Claim] = {}
    points: dict[tuple[str, str], Claim] = {}
    for c in s.result["claims"]:
        if c["baseline"] == s.base:
            # Table 1.2 has ranges, table 3.2 single figures; the first of several: claims by phase repeat some.
            kind = points if c["claimed"][0] == c["claimed"][1] else ranges
            kind.setdefault((c["candidate"], c["metric"]), c)
    blocks = [*_overview(s, ranges), *_losses(s, points)]
    return [Heading(s.words("h_document")), *blocks] if blocks else []


def _overview(s: Source, stated: Stated) -> list[Block]:
    """Table 1.2."""
    w = s.words
    arms = list(dict.fromkeys(arm for arm, metric in stated if metric == "training_loss"))
    if not arms:
        return []
    head = [w("indicator")]
    for arm in arms:
        head += [w("d_claimed", arm=f"`{arm}`"), w("d_naive"), w("d_measured"), w("verdict")]
    rows: list[list[str | Badge]] = []
    for metric in OVERVIEW:
        row: list[str | Badge] = [METRICS[w.lang][f"row_{metric}"]]
        for arm in arms:
            claim = stated.get((arm, metric))
            row += ["", "", "", ""] if claim is None else _claim(s, claim, -1.0 if metric in FALL else 1.0)
        rows.append(row)
    left = frozenset({0, *range(4, 4 * len(arms) + 1, 4)})
    return [Heading(w("h_overview"), 3), Table(head, rows, left), Text(w("signs_note"), "note")]


def _losses(s: Source, stated: Stated) -> list[Block]:
    """Table 3.2, and the two losses as curves."""
    w, budget = s.words, s.plan.spec.training.epochs
    epochs = sorted({epoch_of(c) for c in stated.values()} - {0})
    arms = list(dict.fromkeys(arm for arm, metric in stated if metric.startswith(AT)))
    if s.records is None or not epochs or not runs_of(s, s.base, "weighted/total")[0].size:
        return []
    rows: list[list[str | Badge]] = []
    for epoch in (e for e in epochs if e <= budget):
        for arm in [s.base, *arms]:
            total, loss = (_at(s, arm, name, epoch) for name in ("weighted/total", "train/cross_entropy"))
            claimed, naive, measured, verdict = _cells(s, stated.get((arm, f"{AT}{epoch}")))
            first = f"{epoch}" if arm == s.base else ""
            rows.append([first, f"`{arm}`", claimed, total, naive, loss, measured, verdict])
    for arm in arms:
        if claim := stated.get((arm, "training_fluctuation")):
            claimed, naive, measured, verdict = _cells(s, claim)
            rows.append([w("row_fluctuation"), f"`{arm}`", claimed, "", naive, "", measured, verdict])
    keys = ("epoch", "arm", "d_change", "d_total", "d_total_change", "d_ce", "d_ce_change", "verdict")
    missing = [str(epoch) for epoch in epochs if epoch > budget]
    note = w("losses_note")
    if missing:
        note += ("" if w.lang == "zh" else " ") + w("unreached", epochs=budget, missing=w.join(missing))
    return [
        Heading(w("h_losses"), 3),
        Table([w(key) for key in keys], rows, frozenset({0, 1, 7})),
        Text(note, "note"),
        _curves(s, arms),
    ]


def _cells(s: Source, claim: Claim | None) -> list[str | Badge]:
    return ["", "", "", ""] if claim is None else _claim(s, claim, -1.0)


def _claim(s: Source, claim: Claim, sign: float) -> list[str | Badge]:
    """Claimed, naive, measured with its interval, verdict; signed as the document signs."""
    naive, measured = (percent(None if claim[k] is None else sign * claim[k]) for k in ("naive", "measured"))
    if claim["ci"] is not None:
        measured += f" [{percent_interval(sorted(sign * end for end in claim['ci']))}]"
    claimed = percents(sorted(sign * end for end in claim["claimed"]))
    return [claimed, naive, measured, s.badge(claim_verdict(claim))]


def _at(s: Source, arm: str, name: str, epoch: int) -> str:
    """The mean of a loss at an epoch over the runs that reached it."""
    runs = runs_of(s, arm, name)[0]
    there = runs[:, epoch - 1] if runs.size and epoch <= runs.shape[1] else np.empty(0)
    there = there[np.isfinite(there)]
    return f"{there.mean():.4f}" if there.size else ""


def _curves(s: Source, arms: list[str]) -> Figure:
    """The loss that the document reads beside the loss that no setting rescales, on logarithmic axes."""
    w, drawn = s.words, []
    styles = figures.styles([s.base, *arms[:3]], NULL)
    shown: dict[str, figures.Curve] = {}
    for name, title in (("weighted/total", w("d_total")), ("train/cross_entropy", w("d_ce"))):
        lines = []
        for arm, (color, dash) in styles.items():
            runs, _ = runs_of(s, arm, name)
            if runs.size:
                mean, lo, hi = (np.exp(part) for part in figures.band(np.log(np.maximum(runs, 1e-12))))
                shown[arm] = figures.Curve(arm, mean, lo, hi, color, dash)
                lines.append(shown[arm])
        drawn.append(figures.curves(lines, title, w("epoch"), log=True))
    return Figure(drawn, w("losses_curves"), figures.legend(list(shown.values())))

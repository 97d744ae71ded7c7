"""Drawings of a report as SVG: coloured by the page's style sheet, lettered in its fonts, light or dark as the reader.

Written by hand rather than by matplotlib, whose text would be shapes in one colour and could not be Chinese without a
font of its own.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tuner.report import svg
from tuner.validation import statistics

DASHES = ("", "7 3", "7 3 2 3", "2 3", "10 3")


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the forest plot, or a dose."""

    label: str
    value: float
    lo: float
    hi: float
    tone: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line with its band, over epochs 1, 2, ..; color: a variable of the style sheet."""

    label: str
    mean: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    color: str
    dash: str = ""


def band(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over seeds and its 95% t band, by epoch; runs (seeds, epochs), NaN where a run has ended before."""
    rows = []
    for epoch in runs.T:
        there = epoch[np.isfinite(epoch)]
        mean = there.mean() if len(there) else math.nan
        lo, hi = statistics.confidence_interval(there)[:2] if len(there) > 1 else (mean, mean)
        rows.append((mean, lo, hi))
    mean, lo, hi = np.array(rows).T
    return mean, lo, hi


def styles(arms: Sequence[str], null: str) -> dict[str, tuple[str, str]]:
    """Colour and dash of each arm's line, the null arm's last; at most five arms."""
    return {arm: (f"--c{i}", DASHES[i]) for i, arm in enumerate(arms)} | {null: ("--null", "3 3")}


def forest(bars: Sequence[Bar], null: Bar, margin: float, alt: str) -> str:
    """Differences with their intervals, one a row, the null arm below a line."""
    width, left, right, row, top = 720, 190, 180, 26, 12
    rows = [*bars, null]
    limit = reach([*rows], margin)
    bottom = top + row * len(rows) + 10
    x = svg.Scale(-limit, limit, left, width - right)
    parts = [svg.rect(x(-margin), top - 4, x(margin) - x(-margin), bottom - top + 4, "margin")]
    for tick in svg.ticks(-limit, limit):
        parts += [
            svg.line(x(tick), top - 4, x(tick), bottom, "grid"),
            svg.text(x(tick), bottom + 16, svg.signed(tick), "soft"),
        ]
    parts.append(svg.line(x(0), top - 4, x(0), bottom, "axis"))
    for i, bar in enumerate(rows):
        y = top + row * i + row / 2 + (6 if bar is null else 0)
        if bar is null:
            parts.append(svg.line(8, y - row / 2 - 2, width - 8, y - row / 2 - 2, "axis"))
        parts.append(svg.text(left - 14, y + 4, bar.label, "mono", "end"))
        parts += _interval(x, bar, y, limit)
        parts.append(svg.text(width - right + 14, y + 4, bar.words, bar.tone, "start"))
    return svg.drawing(width, bottom + 24, parts, alt)


def reach(bars: Sequence[Bar], margin: float) -> float:
    """Half-width of an axis that shows all intervals, unless one lies so far off that the rest would shrink."""
    far = sorted(max(abs(b.lo), abs(b.hi)) for b in bars)
    far = [f for f in far if math.isfinite(f)] or [margin]
    return 1.08 * max(min(far[-1], 5 * far[len(far) // 2]), 1.6 * margin)


def clips(bars: Sequence[Bar], limit: float) -> bool:
    """Whether an interval goes beyond the axis."""
    return any(max(abs(b.lo), abs(b.hi)) > limit for b in bars)


def curves(shown: Sequence[Curve], title: str, xlabel: str, *, zero: bool = False, log: bool = False) -> str:
    """Lines with bands over epochs; `zero` draws the line at 0, `log` takes a logarithmic axis."""
    width, height, left, right, top, bottom = 460, 270, 58, 14, 30, 38
    n = max(len(c.mean) for c in shown)
    turn = np.log10 if log else np.asarray
    shown = [replace(c, mean=turn(c.mean), lo=turn(c.lo), hi=turn(c.hi)) for c in shown]
    ends = np.concatenate([np.concatenate([c.lo, c.hi]) for c in shown])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    pad = 0.05 * (high - low) or 0.01
    x = svg.Scale(1, max(n, 2), left, width - right)
    y = svg.Scale(low - pad, high + pad, height - bottom, top)
    parts = [svg.text(left, 16, title, "", "start")]
    for tick in svg.decades(low - pad, high + pad) if log else svg.ticks(low - pad, high + pad):
        parts += [svg.line(left, y(tick), width - right, y(tick), "grid")]
        label = svg.signed(tick) if zero else f"{10**tick:g}" if log else f"{tick:g}"
        parts += [svg.text(left - 6, y(tick) + 4, label, "soft", "end")]
    for epoch in sorted({1, *(int(t) for t in svg.ticks(1, n) if t >= 1 and t == int(t))}):
        if epoch == 1 or x(epoch) - x(1) > 22:
            parts.append(svg.text(x(epoch), height - bottom + 16, f"{epoch}", "soft"))
    parts.append(svg.text((left + width - right) / 2, height - 5, xlabel, "soft"))
    parts.append(svg.line(left, height - bottom, width - right, height - bottom, "axis"))
    if zero:
        parts.append(svg.line(left, y(0), width - right, y(0), "axis"))
    for c in shown:
        epochs = range(1, len(c.mean) + 1)
        there = [i for i in range(len(c.mean)) if math.isfinite(c.lo[i]) and math.isfinite(c.hi[i])]
        outline = [(x(i + 1), y(c.hi[i])) for i in there] + [(x(i + 1), y(c.lo[i])) for i in reversed(there)]
        points = [(x(e), y(v)) for e, v in zip(epochs, c.mean, strict=True) if math.isfinite(v)]
        parts.append(f'<polygon points="{svg.points(outline)}" style="fill:var({c.color})" fill-opacity=".13"/>')
        parts.append(svg.polyline(points, c.color, c.dash))
    return svg.drawing(width, height, parts, title)


def legend(shown: Sequence[Curve]) -> str:
    """What the lines are."""
    keys = [
        f'<span><svg viewBox="0 0 30 10" aria-hidden="true">{svg.polyline([(0, 5), (30, 5)], c.color, c.dash)}</svg>'
        f"{html.escape(c.label)}</span>"
        for c in shown
    ]
    return f'<div class="legend">{"".join(keys)}</div>'


def doses(
    points: Sequence[tuple[float, Bar]], marks: Sequence[float], margin: float, xlabel: str, ylabel: str, sign: float
) -> str:
    """Differences from the best dose over a log axis with 0 at its left edge; sign: -1 where lower is better."""
    width, height, left, right, top, bottom = 720, 330, 66, 20, 34, 46
    positive = [dose for dose, _ in points if dose > 0]
    first, last = math.log10(min(positive)), math.log10(max(positive))
    room = max(last - first, 0.3)
    nought = first - 0.12 * room
    start = nought if min(dose for dose, _ in points) <= 0 else first

    def at(dose: float) -> float:
        return x(math.log10(dose) if dose > 0 else nought)

    x = svg.Scale(start - 0.04 * room, last + 0.04 * room, left, width - right)
    bars = [bar for _, bar in points]
    limit = reach(bars, margin)
    ends = [min(max(e, -limit), limit) for b in bars for e in (b.lo, b.hi)] + [-margin * 1.5, margin * 1.5]
    y = svg.Scale(min(ends) * 1.06, max(ends) * 1.06, height - bottom, top)
    parts = [svg.rect(left, min(y(0), y(-sign * margin)), width - right - left, abs(y(margin) - y(0)), "margin")]
    for tick in svg.ticks(min(ends), max(ends)):
        parts += [svg.line(left, y(tick), width - right, y(tick), "grid")]
        parts += [svg.text(left - 6, y(tick) + 4, svg.signed(tick), "soft", "end")]
    parts += [svg.line(left, y(0), width - right, y(0), "axis"), svg.text(left, 14, ylabel, "", "start")]
    parts += [svg.line(left, height - bottom, width - right, height - bottom, "axis")]
    if start < first:
        gap = (at(0) + at(10**first)) / 2
        for offset in (-3, 3):
            parts.append(svg.line(gap + offset - 3, height - bottom + 5, gap + offset + 3, height - bottom - 5, "axis"))
    for mark in marks:
        parts.append(svg.line(at(mark), top, at(mark), height - bottom, "mark"))
    taken: list[float] = []
    # The marked doses are labelled whatever happens, the others where there is room.
    for dose in [*marks, *(d for d, _ in points if d not in marks)]:
        label = 7.0 * len(f"{dose:g}") / 2 + 4
        if dose in marks or all(abs(at(dose) - other) > label + 14 for other in taken):
            taken.append(at(dose))
            parts.append(svg.text(at(dose), height - bottom + 17, f"{dose:g}", "" if dose in marks else "soft"))
    parts.append(svg.text((left + width - right) / 2, height - 7, xlabel, "soft"))
    for dose, bar in points:
        low, high = (min(max(end, -limit), limit) for end in (bar.lo, bar.hi))
        color = f' style="stroke:var({bar.tone});fill:var({bar.tone})"'
        parts.append(svg.stroke(at(dose), y(low), at(dose), y(high), color))
        if abs(bar.value) <= limit:
            parts.append(f'<circle cx="{at(dose):.1f}" cy="{y(bar.value):.1f}" r="4.5"{color}/>')
        for end, shown, direction in ((bar.lo, low, 1), (bar.hi, high, -1)):
            if abs(end) > limit:
                base = y(shown) - 7 * direction
                corners = [(at(dose) - 5, base), (at(dose) + 5, base), (at(dose), y(shown))]
                parts.append(svg.polygon(corners, color))
    return svg.drawing(width, height, parts, xlabel)


def _interval(x: svg.Scale, bar: Bar, y: float, limit: float) -> list[str]:
    low, high = max(bar.lo, -limit), min(bar.hi, limit)
    color = f' style="stroke:var(--{bar.tone});fill:var(--{bar.tone})"'
    parts = [] if low > high else [svg.stroke(x(low), y, x(high), y, color)]
    if abs(bar.value) <= limit:
        parts.append(f'<rect x="{x(bar.value) - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"{color}/>')
    if bar.lo < -limit:
        parts.append(svg.polygon([(x(-limit) + 7, y - 5), (x(-limit) + 7, y + 5), (x(-limit), y)], color))
    if bar.hi > limit:
        parts.append(svg.polygon([(x(limit) - 7, y - 5), (x(limit) - 7, y + 5), (x(limit), y)], color))
    return parts

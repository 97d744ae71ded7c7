"""A drawing with two axes, to which marks are added in the units of the data."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.report import svg


@dataclass(frozen=True, slots=True)
class Axis:
    """From low to high, with ticks by their position; a log axis takes positive values only."""

    low: float
    high: float
    ticks: Mapping[float, str]
    label: str = ""
    log: bool = False

    def at(self, value: float) -> float:
        """A value on the scale that is drawn."""
        return math.log10(value) if self.log else value

    @classmethod
    def linear(cls, low: float, high: float, label: str = "", *, whole: bool = False) -> Axis:
        """Round ticks within the ends."""
        found = [t for t in svg.ticks(low, high) if not whole or t == int(t)]
        return cls(low, high, {t: f"{t:g}" for t in found}, label)


@dataclass
class Panel:
    """A drawing of `width` by `height` units; `parts` are its SVG elements, later ones on top."""

    x_axis: Axis
    y_axis: Axis
    title: str = ""
    width: float = 460
    height: float = 280
    left: float = 62
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        right, top, bottom = 16.0, 30.0, 42.0
        x, y = self.x_axis, self.y_axis
        self._x = svg.Scale(x.at(x.low), x.at(x.high), self.left, self.width - right)
        self._y = svg.Scale(y.at(y.low), y.at(y.high), self.height - bottom, top)
        edges = (self.left, self.width - right, top, self.height - bottom)
        self._left, self._right, self._top, self._bottom = edges
        self.parts.append(svg.text(self._left, 16, self.title or y.label, "", "start"))
        for value, label in y.ticks.items():
            self.parts.append(svg.line(self._left, self.y(value), self._right, self.y(value), "grid"))
            self.parts.append(svg.text(self._left - 6, self.y(value) + 4, label, "soft", "end"))
        for value, label in x.ticks.items():
            self.parts.append(svg.text(self.x(value), self._bottom + 16, label, "soft"))
        self.parts.append(svg.line(self._left, self._bottom, self._right, self._bottom, "axis"))
        self.parts.append(svg.text((self._left + self._right) / 2, self.height - 6, x.label, "soft"))

    def x(self, value: float) -> float:
        """Where a value lies across."""
        return self._x(self.x_axis.at(value))

    def y(self, value: float) -> float:
        """Where a value lies upwards."""
        return self._y(self.y_axis.at(value))

    def within(self, value: float) -> float:
        """The value, or the end of the upward axis beyond which it lies."""
        return min(max(value, self.y_axis.low), self.y_axis.high)

    def line(self, xy: Sequence[tuple[float, float]], color: str, dash: str = "", width: float = 2.0) -> None:
        """An open line; what is not finite leaves no gap. color: a variable of the style sheet."""
        seen = [(self.x(x), self.y(self.within(y))) for x, y in xy if math.isfinite(y)]
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        style = f'style="stroke:var({color})" stroke-width="{width:g}"{dashes}'
        self.parts.append(f'<polyline points="{svg.points(seen)}" fill="none" stroke-linejoin="round" {style}/>')

    def steps(self, xy: Sequence[tuple[float, float]], color: str) -> None:
        """A line that keeps its height until the next point."""
        corners = [p for (x, y), (after, _) in itertools.pairwise(xy) for p in ((x, y), (after, y))]
        self.line([*corners, *xy[-1:]], color, width=1.6)

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], color: str) -> None:
        """A shaded area between two lines."""
        up = [(self.x(x), self.y(self.within(y))) for x, y in zip(xs, high, strict=True)]
        down = [(self.x(x), self.y(self.within(y))) for x, y in zip(xs, low, strict=True)]
        self.parts.append(
            f'<polygon points="{svg.points([*up, *down[::-1]])}" style="fill:var({color})" fill-opacity=".16"/>'
        )

    def level(self, value: float, color: str, dash: str = "") -> None:
        """A line across at a value."""
        self.line([(self.x_axis.low, value), (self.x_axis.high, value)], color, dash, 1.4)

    def mark(self, value: float, label: str, row: int = 0) -> None:
        """A dashed line upwards at a value, named at its top; row: of the name, so that neighbours stay apart."""
        self.parts.append(svg.line(self.x(value), self._top, self.x(value), self._bottom, "mark"))
        self.parts.append(svg.text(self.x(value) + 4, self._top + 10 + 13 * (row % 3), label, "halo", "start"))

    def dot(self, x: float, y: float, color: str, tip: str, *, filled: bool = True, radius: float = 3.6) -> None:
        """A point; a triangle at the edge where it lies beyond the axis. tip: shown when one points at it."""
        px, inside = self.x(x), self.y_axis.low <= y <= self.y_axis.high
        py = self.y(self.within(y))
        paint = f"fill:var({color})" if filled else f"fill:none;stroke:var({color})"
        words = f"<title>{html.escape(tip)}</title>"
        if inside:
            self.parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{radius:g}" style="{paint}">{words}</circle>')
            return
        sign = -1 if y < self.y_axis.low else 1
        tip_y = py + 4 * sign
        corners = svg.points([(px - 4, tip_y), (px + 4, tip_y), (px, tip_y - 6 * sign)])
        self.parts.append(f'<polygon points="{corners}" style="{paint}">{words}</polygon>')

    def star(self, x: float, y: float, tip: str) -> None:
        """The best one."""
        px, py = self.x(x), self.y(self.within(y))
        points = []
        for i in range(10):
            radius, angle = (8.0 if i % 2 == 0 else 3.4), math.pi * (i / 5 - 0.5)
            points.append((px + radius * math.cos(angle), py + radius * math.sin(angle)))
        paint = "fill:var(--best);stroke:var(--page)"
        self.parts.append(
            f'<polygon points="{svg.points(points)}" style="{paint}"><title>{html.escape(tip)}</title></polygon>'
        )

    def drawn(self) -> str:
        """The drawing as SVG."""
        return svg.drawing(self.width, self.height, self.parts, self.title or self.y_axis.label)


def key(*entries: tuple[str, str, str]) -> str:
    """A legend of (words, mark, color): mark is `line`, `dashes`, `dots`, `dot`, `ring`, `star` or `band`."""
    shown = []
    for words, mark, color in entries:
        if mark in ("line", "dashes", "dots"):
            dash = {"line": "", "dashes": "7 3", "dots": "2 3"}[mark]
            drawn = svg.polyline([(0, 5), (30, 5)], color, dash)
        elif mark == "band":
            drawn = f'<rect x="4" y="0" width="22" height="10" style="fill:var({color})" fill-opacity=".2"/>'
        elif mark == "star":
            drawn = f'<text x="15" y="10" text-anchor="middle" style="fill:var({color});font-size:14px">★</text>'
        else:
            paint = f"fill:var({color})" if mark == "dot" else f"fill:none;stroke:var({color})"
            drawn = f'<circle cx="15" cy="5" r="4" style="{paint}"/>'
        shown.append(f'<span><svg viewBox="0 0 30 10" aria-hidden="true">{drawn}</svg>{html.escape(words)}</span>')
    return f'<div class="legend">{"".join(shown)}</div>'

"""Pieces of a drawing as SVG, coloured by the page's style sheet and lettered in its fonts."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence


class Scale:
    """From data to pixels."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self.low, self.start, self.step = low, start, (stop - start) / (high - low)

    def __call__(self, value: float) -> float:
        """Where a value lies, in pixels."""
        return self.start + (value - self.low) * self.step


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values within the ends."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= most)
    return [round(i * step, 10) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float, most: int = 6) -> list[float]:
    """Round values of a logarithmic axis, as powers of ten within the ends: 1, 2, 5 where there is room, else 1."""
    first, last = math.floor(low), math.ceil(high)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [power + math.log10(step) for power in range(first, last + 1) for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def signed(value: float) -> str:
    """With its sign; 0 without."""
    return f"{value:+g}" if value else "0"


def drawing(width: float, height: float, parts: Sequence[str], alt: str) -> str:
    """A whole drawing, in units of its own; alt: what it shows, for those who cannot see it."""
    label = html.escape(alt, quote=True)
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}">{inner}</svg>'


def text(x: float, y: float, words: str, kind: str, anchor: str = "middle") -> str:
    """Letters; kind: a class of the style sheet, or a tone."""
    style = f' style="fill:var(--{kind})"' if kind in _TONES else ""
    kind = f' class="{kind}"' if kind and not style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}{style}>{html.escape(words)}</text>'


_TONES = ("good", "bad", "same", "open", "more", "null")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A line of a class of the style sheet: grid, axis or mark."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def stroke(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
    """A thick line; color: its style attribute."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="2.2"{color}/>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle of a class of the style sheet."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"/>'


def polyline(xy: Sequence[tuple[float, float]], color: str, dash: str) -> str:
    """An open line; color: a variable of the style sheet."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{points(xy)}" fill="none" style="stroke:var({color})" stroke-width="2"{dashes}/>'


def polygon(xy: Sequence[tuple[float, float]], color: str) -> str:
    """A filled shape; color: its style attribute."""
    return f'<polygon points="{points(xy)}"{color}/>'


def points(xy: Sequence[tuple[float, float]]) -> str:
    """Coordinates as an attribute."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in xy)

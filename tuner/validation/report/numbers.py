"""Numbers as a report shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def signed(value: float) -> str:
    """A difference in the metric's unit."""
    return f"{round(value, 4) + 0.0:+.4f}" if math.isfinite(value) else f"{value:+}".replace("inf", "∞")


def ends(ci: Sequence[float | None]) -> tuple[float, float]:
    """An interval's ends; JSON has no infinity, so that an end which the data do not bound is None there."""
    lo, hi = ci
    return -math.inf if lo is None else lo, math.inf if hi is None else hi


def interval(ci: Sequence[float | None] | None, *, plain: bool = False) -> str:
    """An interval of a difference, or of a value where `plain`."""
    if ci is None:
        return ""
    return " .. ".join(f"{end:.4f}" if plain else signed(end) for end in ends(ci))


def percent(value: float | None) -> str:
    """A change in percent."""
    return "–" if value is None else f"{round(value, 1) + 0.0:+.1f}"


def percent_interval(ci: Sequence[float]) -> str:
    """An interval of a change in percent."""
    return " .. ".join(percent(end) for end in ci)


def percents(ci: Sequence[float] | None) -> str:
    """A range in percent; one number where both ends are the same."""
    if ci is None:
        return "–"
    return " .. ".join(dict.fromkeys(f"{end + 0.0:+g}" if end == round(end) else percent(end) for end in ci))


def p_value(value: float) -> str:
    """p, with three decimals."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"

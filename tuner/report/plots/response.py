"""The weight of a term against the objective: is one weight better than another?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.report.plots._lowess import lowess
from tuner.report.plots._view import BASELINE, BEST, DONE, GREY, View, dot, figure, headline, key, number, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

KNOB = "encoder_loss_weight"
FEWEST = 10
"""Different weights below which a trend would be guessed."""
SPAN = 0.75
"""Share of the points that each piece of the trend looks at."""
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Trend:
    """A smooth line with the band in which 90% of its bootstrap resamples lie."""

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True, slots=True)
class Series:
    """One panel."""

    knob: str
    title: str
    points: dict[int, tuple[float, float]]
    """trial to (value of the knob, objective)"""
    marks: dict[float, str] = field(default_factory=dict)
    """values of the knob to name: those of the baseline and of the plans"""
    trend: Trend | None = None


def series(view: View) -> list[Series]:
    """What is drawn: every trial at the first rung, and the completed ones; nothing where no weight is searched.

    Only values of the same epoch can be compared. At the first rung these are all trials; at the end only those that
    pruning let through, which says little about the weights that it did not.
    """
    knob = _knob(view)
    if knob is None or not view.comparable:
        return []
    trials = [t for t in view.done + view.pruned if knob in t.params]
    found = []
    rungs = _rungs(view)
    if rungs:
        early = {t.number: (float(t.params[knob]), _until(view, t, rungs[0])) for t in trials}
        early = {n: p for n, p in early.items() if math.isfinite(p[1])}
        if len(early) > 2:
            title = f"every trial, best value until epoch {rungs[0]}"
            found.append(Series(knob, title, early, _marks(view, knob), _trend(view, knob, early)))
    late = {t.number: (float(t.params[knob]), view.value(t)) for t in view.done if knob in t.params}
    if len(late) > 2:
        found.append(Series(knob, "completed trials", late, _marks(view, knob), _trend(view, knob, late)))
    return found


def draw(view: View) -> Figure | None:
    """One panel a series; None where there is none."""
    found = series(view)
    if not found:
        return None
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    fig = figure(4.9 * len(found) + 0.6, 4.3)
    axes = fig.subplots(1, len(found), squeeze=False)[0]
    done = {t.number for t in view.done}
    for ax, one in zip(axes, found, strict=True):
        for n, (x, y) in one.points.items():
            if view.best is not None and n == view.best.number:
                ax.plot(x, y, "*", color=BEST, markersize=13, markeredgecolor="white", zorder=4)
            elif n in done:
                ax.plot(x, y, "o", color=DONE, markersize=5, markeredgecolor="white", markeredgewidth=0.5, zorder=3)
            else:
                ax.plot(x, y, "o", color=GREY, markerfacecolor="none", markersize=4.5, zorder=2)
        if one.trend:
            ax.fill_between(one.trend.x, one.trend.low, one.trend.high, color=DONE, alpha=0.15, linewidth=0)
            ax.plot(one.trend.x, one.trend.y, color=DONE, linewidth=2)
        for i, (value, label) in enumerate(one.marks.items()):
            ax.axvline(value, color=BASELINE, linestyle=":", linewidth=1.1)
            place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            ax.annotate(label, (value, 1.0), (2, -10 - 10 * (i % 3)), fontsize=8, **place)
        tidy(ax, one.knob, view.words())
        ax.set_title(one.title, fontsize=10)
        if view.spec.knobs[one.knob].log:
            ax.set_xscale("log")
        ax.set_xticks(view.ticks(one.knob), [number(v) for v in view.ticks(one.knob)])
        ax.set_xticks([], minor=True)
    handles = [dot("completed", DONE), dot("best", BEST, "*", size=10)]
    if view.pruned:
        handles.append(dot("stopped early", GREY, filled=False, size=5))
    if any(one.trend for one in found):
        handles.append(Line2D([], [], color=DONE, linewidth=2, label="trend"))
        handles.append(Patch(color=DONE, alpha=0.15, label="90% of resamples"))
    key(fig, handles, 5)
    headline(fig, f"{found[0].knob} against {view.words()}")
    return fig


def _knob(view: View) -> str | None:
    """The weight to look at: the recommendation's where it is searched, else the first number that is a weight."""
    numbers = [n for n, rng in view.spec.knobs.items() if rng.choices is None]
    if KNOB in numbers:
        return KNOB
    return next((n for n in view.spec.order() if n in numbers and "weight" in n), None)


def _rungs(view: View) -> list[int]:
    from tuner.report.plots.pruned_at import rung_epochs

    return rung_epochs(view)


def _until(view: View, trial: FrozenTrial, epoch: int) -> float:
    values = [v for e, v in trial.intermediate_values.items() if e <= epoch and math.isfinite(v)]
    reached = max(trial.intermediate_values, default=0) >= epoch
    return (max if view.maximize else min)(values) if values and reached else math.nan


def _marks(view: View, knob: str) -> dict[float, str]:
    """The knob's value in the baseline and in the plans, named by itself."""
    values = [config.value(knob) for config in view.spec.named().values()]
    return {float(v): number(v) for v in dict.fromkeys(values) if view.spec.knobs[knob].contains(v)}


def _trend(view: View, knob: str, points: dict[int, tuple[float, float]]) -> Trend | None:
    """LOWESS (Cleveland 1979) on the searched scale; the band resamples trials, with a seed of its own."""
    if len({x for x, _ in points.values()}) < FEWEST:
        return None
    log = view.spec.knobs[knob].log
    x, y = np.array(list(points.values())).T
    at = np.log(x) if log else x
    grid = np.linspace(at.min(), at.max(), 40)

    def smooth(rows: np.ndarray) -> np.ndarray:
        return lowess(at[rows], y[rows], grid, SPAN)

    generator = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        line = smooth(np.arange(len(x)))
        lines = [smooth(generator.integers(0, len(x), len(x))) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(np.array(lines), (0.05, 0.95), axis=0)
    xs = np.exp(grid) if log else grid
    good = np.isfinite(line) & np.isfinite(low) & np.isfinite(high)
    return Trend(*(list(map(float, values[good])) for values in (xs, line, low, high)))

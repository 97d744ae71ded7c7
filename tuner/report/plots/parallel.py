"""Every completed trial as one line over all searched knobs."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from tuner.report.plots._view import BASELINE, BEST, INK, Style, View, figure, headline, key, number, stroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tuner.spec.sections import Range

DASHED = (0, (5, 1.5))
MISSING = -0.13
"""Where a line passes an axis whose knob the trial does not have; the axes run from 0 to 1."""


def draw(view: View) -> Figure | None:
    """Lines coloured by the objective, whose axis is the colour scale; None unless two completed trials differ."""
    from matplotlib import colormaps

    if not view.comparable or view.best is None:
        return None
    knobs = view.spec.order()
    values = [view.value(t) for t in view.done]
    worst, best = (min(values), max(values)) if view.maximize else (max(values), min(values))
    # cividis is perceptually uniform and made for colour-blind readers; its dark end stands out on white.
    colors = colormaps["cividis_r"]
    fig = figure(min(12.5, max(5.6, 1.3 * len(knobs) + 2.2)), 5.0)
    ax = fig.subplots()
    for trial in view.done:
        good = (view.value(trial) - worst) / (best - worst)
        role = "best" if trial is view.best else "baseline" if trial is view.baseline else ""
        # A small shift keeps trials apart that share a choice; the two that stand out pass through the tick.
        shift = 0.0 if role else random.Random(trial.number).uniform(-0.035, 0.035)
        heights = [height(view.spec.knobs[name], trial.params.get(name), shift) for name in knobs]
        styles: dict[str, dict[str, Any]] = {
            "best": {"color": BEST, "linewidth": 3.0, "zorder": 4},
            "baseline": {"color": BASELINE, "linewidth": 2.0, "zorder": 4, "linestyle": DASHED},
            "": {"color": colors(good), "linewidth": 1.1, "alpha": 0.8, "zorder": 2 + good},
        }
        ax.plot(range(len(knobs) + 1), [*heights, good], label=str(trial.number), **styles[role])
    _axes(ax, view, knobs, worst, best)
    handles = [stroke(Style(f"best: trial {view.best.number}", BEST, "-", 3.0))]
    if view.baseline and view.baseline.number != view.best.number:
        handles.append(stroke(Style("baseline", BASELINE, DASHED, 2.0)))
    key(fig, handles)
    headline(fig, f"All {len(view.done)} completed trials, knob by knob", f"the darker, the better the {view.words()}")
    return fig


def height(rng: Range, value: Any, shift: float) -> float:
    """Where a line passes an axis; `shift` applies where there is no scale."""
    if value is None:
        return MISSING + shift / 2
    return scaled(rng, value) + (shift if rng.choices else 0.0)


def scaled(rng: Range, value: Any) -> float:
    """Where a value lies on an axis from 0 to 1, on the scale on which it is searched."""
    if rng.choices is not None:
        return (rng.choices.index(value) + 0.5) / len(rng.choices)
    assert rng.low is not None and rng.high is not None
    if rng.log:
        return math.log(value / rng.low) / math.log(rng.high / rng.low)
    return float((value - rng.low) / (rng.high - rng.low))


def _axes(ax: Axes, view: View, knobs: list[str], worst: float, best: float) -> None:
    """Draw the vertical axes by hand: each has a scale of its own."""
    for x, name in enumerate(knobs):
        rng = view.spec.knobs[name]
        ax.plot([x, x], [0, 1], color=INK, linewidth=1.0, zorder=3)
        marks = (
            [(scaled(rng, c), c) for c in rng.choices]
            if rng.choices
            else [(scaled(rng, v), number(v)) for v in view.ticks(name)]
        )
        if any(name not in t.params for t in view.done):
            marks.append((MISSING, "n/a"))
        for y, text in marks:
            _tick(ax, x, y, text)
    last = len(knobs)
    # The column beside the last axis is its colour scale.
    ax.imshow(
        [[i / 255] for i in range(256)],
        cmap="cividis_r",
        extent=(last, last + 0.1, 0, 1),
        aspect="auto",
        origin="lower",
        zorder=3,
    )
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        ax.text(last + 0.15, share, number(worst + share * (best - worst)), fontsize=8.5, va="center", zorder=5)
    ax.set_xlim(-0.35, last + 0.65)
    ax.set_ylim(MISSING - 0.07, 1.04)
    labels = [*knobs, view.words().replace(" on ", "\non ")]
    ax.set_xticks(
        range(last + 1),
        [label.replace("_", "_\n", 1) if len(label) > 12 and "_" in label else label for label in labels],
    )
    ax.tick_params(axis="x", labeltop=True, labelbottom=False, length=0, labelsize=9)
    ax.tick_params(axis="y", left=False, labelleft=False)
    ax.spines[:].set_visible(False)


def _tick(ax: Axes, x: float, y: float, text: str) -> None:
    """A tick with its text on a white ground, readable over the lines."""
    ax.plot([x - 0.03, x + 0.03], [y, y], color=INK, linewidth=1.0, zorder=5)
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.7}
    ax.text(x + 0.06, y, text, fontsize=8.5, va="center", ha="left", bbox=box, zorder=6)

"""How the trials learned: objective and validation cross-entropy by epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.report.plots._view import (
    GREY,
    INK,
    Style,
    View,
    dot,
    figure,
    headline,
    key,
    number,
    stroke,
    tidy,
    whole_numbers,
)
from tuner.storage.record import TrialRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

CROSS_ENTROPY = "val/cross_entropy"


def draw(view: View) -> Figure | None:
    """Best, baseline and plans in colour before all other trials in grey; None below two completed trials."""
    if len(view.done) < 2 or view.best is None:
        return None
    metrics = list(dict.fromkeys([view.objective.metric, CROSS_ENTROPY]))
    panels = {
        metric: {t.number: c for t in view.done + view.pruned if (c := curve(view, t, metric))} for metric in metrics
    }
    panels = {metric: curves for metric, curves in panels.items() if curves}
    if not panels:
        return None
    fig = figure(10.4 if len(panels) > 1 else 7.4, 4.6)
    axes = fig.subplots(1, len(panels), sharex=True, squeeze=False)[0]
    styles = view.styles()
    pruned = {t.number for t in view.pruned}
    for ax, (metric, curves) in zip(axes, panels.items(), strict=True):
        for number_, values in curves.items():
            if number_ not in styles:
                epochs = range(1, len(values) + 1)
                ax.plot(epochs, values, color=GREY, linewidth=0.7, alpha=0.6, zorder=1)
        for number_, style in styles.items():
            values = curves.get(number_, [])
            ax.plot(
                range(1, len(values) + 1),
                values,
                color=style.color,
                linestyle=style.dash,
                linewidth=style.width,
                label=style.label,
                zorder=3,
            )
        ends = [(len(c), c[-1]) for n, c in curves.items() if n in pruned]
        if ends:
            ax.scatter(*zip(*ends, strict=True), marker="x", s=16, color="#6e6e6e", linewidths=0.9, zorder=2)
        ax.set_ylim(*limits(curves, set(styles)))
        tidy(ax, "epoch", view.words(metric))
        whole_numbers(ax.xaxis)
        better = view.maximize if metric == view.objective.metric else False
        ax.set_title("higher is better" if better else "lower is better", fontsize=10, color=INK)
    handles = [stroke(style) for style in styles.values()]
    if any(t.number not in styles for t in view.done + view.pruned):
        handles.append(stroke(Style("other trials", GREY, "-", 0.9)))
    if pruned:
        handles.append(dot("stopped early", "#6e6e6e", "x", size=5))
    key(fig, handles, 4 if len(panels) > 1 else 3)
    headline(fig, title(view))
    return fig


def title(view: View) -> str:
    """What the plot says, in a sentence."""
    assert view.best is not None
    text = f"How the trials learned: the best one reached {number(view.value(view.best))}"
    return text + (f", the baseline {number(view.value(view.baseline))}" if view.baseline else "")


def curve(view: View, trial: FrozenTrial, metric: str) -> list[float]:
    """A curve by epoch, nan where it was not measured, without a tail that was not; empty where there is none."""
    result = TrialRecord.of(trial).result
    values = result.curve(metric)
    if metric not in result.curves and metric == view.objective.metric and trial.intermediate_values:
        reported = trial.intermediate_values
        values = [float(reported.get(epoch, math.nan)) for epoch in range(1, max(reported) + 1)]
    while values and not math.isfinite(values[-1]):
        values.pop()
    return values


def limits(curves: dict[int, list[float]], shown: set[int]) -> tuple[float, float]:
    """All curves, except where one lies further off than the coloured ones reach: one that diverges is cut off."""
    finite = {n: [v for v in values if math.isfinite(v)] for n, values in curves.items()}
    everything = [v for values in finite.values() for v in values]
    colored = [v for n in shown for v in finite.get(n, [])] or everything
    reach = max(colored) - min(colored)
    low, high = max(min(everything), min(colored) - reach), min(max(everything), max(colored) + reach)
    pad = 0.04 * (high - low) or 0.01
    return low - pad, high + pad

"""What the search found, trial by trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.report.plots._view import (
    BEST,
    DONE,
    GREY,
    Style,
    View,
    clip,
    dot,
    figure,
    headline,
    hollow,
    key,
    noise,
    number,
    stroke,
    tidy,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(view: View) -> Figure | None:
    """Objective by trial number, with the best so far and the baseline's noise; None below two completed trials."""
    if len(view.done) < 2 or view.best is None:
        return None
    limits = view.limits()
    fig = figure(8.4, 4.8)
    ax = fig.subplots()
    handles = [dot("completed", DONE), dot("best", BEST, "*", size=10), stroke(Style("best so far", BEST, "-", 1.4))]
    handles += noise(ax, view)
    if view.baseline:
        style = view.plan_style("baseline")
        ax.axhline(view.value(view.baseline), color=style.color, linestyle=style.dash, linewidth=1.2)
        handles.append(stroke(Style("baseline", style.color, style.dash, 1.2)))
    hollow(ax, [(t.number, view.value(t)) for t in view.pruned], limits)
    best = running_best(view)
    last = max(t.number for t in view.done + view.pruned)
    ax.step(
        [*(n for n, _ in best), last],
        [*(clip(v, limits)[0] for _, v in best), best[-1][1]],
        where="post",
        color=BEST,
        linewidth=1.4,
        label="best so far",
    )
    for trial in view.done:
        y, marker = clip(view.value(trial), limits)
        is_best = trial.number == view.best.number
        ax.plot(
            trial.number,
            y,
            "*" if is_best else marker,
            color=BEST if is_best else DONE,
            markersize=13 if is_best else 5.5,
            markeredgecolor="white",
            markeredgewidth=0.6,
            zorder=4 if is_best else 3,
        )
    if view.pruned:
        handles.append(dot("stopped early, best value until then", GREY, filled=False, size=5))
        if any(clip(view.value(t), limits)[1] != "o" for t in view.pruned):
            worse = "v" if view.maximize else "^"
            handles.append(dot("worse than the axis shows", GREY, worse, filled=False, size=5))
    ax.set_ylim(*limits)
    whole_numbers(ax.xaxis)
    tidy(ax, "trial", f"{view.words()} ({'higher' if view.maximize else 'lower'} is better)")
    key(fig, handles, 3)
    headline(fig, title(view))
    return fig


def title(view: View) -> str:
    """What the plot says, in a sentence."""
    assert view.best is not None
    text = f"The best of {len(view.done) + len(view.pruned)} trials, number {view.best.number}, "
    text += f"reached {number(view.value(view.best))}"
    return text + (f"; the baseline {number(view.value(view.baseline))}" if view.baseline else "")


def running_best(view: View) -> list[tuple[int, float]]:
    """Number and best value so far, over the completed trials by number."""
    found: list[tuple[int, float]] = []
    for trial in view.done:
        value = view.value(trial)
        if found and not view.objective.better(value, found[-1][1]):
            value = found[-1][1]
        found.append((trial.number, value))
    return found

"""At which epoch trials were stopped, and how many ran to the end."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tuner.report.plots._view import BEST, DONE, GREY, View, figure, headline, tidy, whole_numbers
from tuner.storage.record import diverged, epochs_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (("stopped at a rung", GREY), ("diverged", BEST), ("completed", DONE))


def draw(view: View) -> Figure | None:
    """One bar for every rung, every stretch between two rungs in which a trial ended, and the end."""
    if not view.pruned:
        return None
    bars = counts(view)
    at_rung = rung_epochs(view)
    fig = figure(max(5.6, 0.95 * len(bars) + 2.0), 4.2)
    ax = fig.subplots()
    below = [0] * len(bars)
    for i, (label, color) in enumerate(KINDS):
        heights = [bar[i] for bar in bars.values()]
        if any(heights):
            ax.bar(range(len(bars)), heights, 0.62, bottom=below, color=color, label=label, zorder=2)
        below = [a + b for a, b in zip(below, heights, strict=True)]
    for x, height in enumerate(below):
        ax.annotate(str(height), (x, height), (0, 2), textcoords="offset points", ha="center", fontsize=9)
    for x, epoch in enumerate(bars):
        if epoch in {str(rung) for rung in at_rung}:
            ax.axvspan(x - 0.5, x + 0.5, color="#f0f0f0", linewidth=0, zorder=0, gid="rung")
    ax.set_xticks(range(len(bars)), [f"{b}\nrung" if b in {str(r) for r in at_rung} else b for b in bars])
    ax.set_ylim(0, 1.12 * max(below))
    tidy(ax, "epoch", "trials")
    whole_numbers(ax.yaxis)
    ax.grid(axis="x", visible=False)
    fig.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    whole = len(view.done) + len(view.pruned)
    headline(fig, f"{len(view.pruned)} of {whole} trials were stopped early, {len(view.done)} completed")
    return fig


def rung_epochs(view: View) -> list[int]:
    """Epochs at which the study's pruner judges; none where it has no pruner."""
    from tuner.search.pruning import rungs

    search = view.spec.search
    return rungs(view.spec.training.epochs, search.first_rung) if search.pruner == "rungs" else []


def counts(view: View) -> dict[str, list[int]]:
    """Trials by where they ended, and how (as KINDS): rungs by their epoch, the epochs between as a stretch."""
    last = view.spec.training.epochs
    edges = [0, *rung_epochs(view), last + 1]
    found: dict[str, list[int]] = {}
    for low, high in itertools.pairwise(edges):
        between = f"{low + 1}–{high - 1}" if high - low > 2 else str(low + 1)
        if high - low > 1:
            found[between] = [0, 0, 0]
        if high <= last:
            found[str(high)] = [0, 0, 0]
    for trial in view.pruned:
        epoch = epochs_run(trial) or 1
        kind = 1 if diverged(trial) else 0
        inside = [label for label in found if int(label.split("–")[0]) <= epoch]
        found[inside[-1]][kind] += 1
    kept = {label: bar for label, bar in found.items() if any(bar) or int(label.split("–")[-1]) in edges}
    kept[f"{last}\nthe end"] = [0, 0, len(view.done)]
    return kept

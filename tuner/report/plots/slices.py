"""Each searched knob against the objective."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

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
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tuner.spec.sections import Range


def draw(view: View) -> Figure | None:
    """One panel a knob, over the trials that have it; None unless two completed trials differ."""
    if not view.comparable:
        return None
    knobs = view.spec.order()
    columns = min(4, len(knobs))
    rows = math.ceil(len(knobs) / columns)
    fig = figure(max(5.2, 2.9 * columns), 1.5 + 2.55 * rows)
    marks = marked(view)
    limits = view.limits()
    band: list[Any] = []
    for i, name in enumerate(knobs):
        ax = fig.add_subplot(rows, columns, i + 1)
        band = noise(ax, view)
        _panel(ax, view, name, marks, limits)
        if i % columns:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
    handles = [dot("completed", DONE), dot("best", BEST, "*", size=10)]
    if view.pruned:
        handles.append(dot("stopped early (at the edge: worse than shown)", GREY, filled=False, size=5))
    handles += [stroke(style) for _, style in marks]
    key(fig, handles + band, 3 if columns > 2 else 1)
    headline(fig, f"Where good values lie: {view.words()} by knob")
    return fig


def marked(view: View) -> list[tuple[dict[str, Any], Style]]:
    """Searched knobs of the baseline and of the basic plan (the first one where none has that name)."""
    named = view.spec.named()
    plans = view.spec.plans or {}
    names = ["baseline", *(["basic"] if "basic" in plans else list(plans)[:1])]
    # Drawn over the baseline's solid line, a dashed one leaves both visible where they agree.
    styles = (Style("baseline", "#000000", "-", 1.0), Style("", "#E69F00", (0, (3, 3)), 1.8))
    return [
        (view.spec.searched(named[n]), Style(n if n == "baseline" else f"plan {n}", s.color, s.dash, s.width))
        for n, s in zip(names, styles, strict=False)
    ]


def _panel(
    ax: Axes, view: View, name: str, marks: list[tuple[dict[str, Any], Style]], limits: tuple[float, float]
) -> None:
    rng = view.spec.knobs[name]
    at = _positions(rng)
    for knobs, style in marks:
        if name in knobs:
            x = at(knobs[name], 0.0)
            ax.axvline(x, color=style.color, linestyle=style.dash, linewidth=style.width, label=style.label, zorder=1)
    # The trial's number seeds its shift, so that a trial keeps its place while the study grows.
    xs = {t.number: at(t.params[name], _jitter(t.number)) for t in view.done + view.pruned if name in t.params}
    hollow(ax, [(xs[t.number], view.value(t)) for t in view.pruned if t.number in xs], limits)
    for marker in ("o", "v", "^"):
        shown = [(xs[t.number], *clip(view.value(t), limits)) for t in view.done if t.number in xs]
        xy = [(x, y) for x, y, m in shown if m == marker]
        if xy:
            ax.scatter(
                [x for x, _ in xy],
                [y for _, y in xy],
                s=24,
                marker=marker,
                color=DONE,
                edgecolors="white",
                linewidths=0.5,
                zorder=3,
            )
    if view.best and view.best.number in xs:
        ax.plot(
            xs[view.best.number],
            view.value(view.best),
            "*",
            color=BEST,
            markersize=13,
            markeredgecolor="white",
            zorder=4,
        )
    when = view.spec.vocabulary.knobs[name].when
    # A choice that is not searched applies to every trial and needs no mention.
    note = f"\n(with {when[0]} = {when[1]})" if when and when[0] in view.spec.knobs else ""
    tidy(ax, name + note, view.words())
    ax.set_ylim(*limits)
    _scale(ax, rng, [] if rng.choices else view.ticks(name))


def _jitter(seed: int) -> float:
    return random.Random(seed).uniform(-0.28, 0.28)


def _positions(rng: Range) -> Any:
    if rng.choices is None:
        return lambda value, _: value
    order = {choice: i for i, choice in enumerate(rng.choices)}
    return lambda value, shift: order.get(value, -1) + shift


def _scale(ax: Axes, rng: Range, ticks: list[float]) -> None:
    """Ticks and limits of the range that is searched, whichever part of it has trials."""
    if rng.choices is not None:
        crowded = sum(map(len, rng.choices)) > 22
        ax.set_xticks(
            range(len(rng.choices)), rng.choices, rotation=25 if crowded else 0, ha="right" if crowded else "center"
        )
        ax.set_xlim(-0.55, len(rng.choices) - 0.45)
        return
    assert rng.low is not None and rng.high is not None
    if rng.log:
        ax.set_xscale("log")
        edge = (rng.high / rng.low) ** 0.05
        ax.set_xlim(rng.low / edge, rng.high * edge)
    else:
        edge = 0.05 * (rng.high - rng.low)
        ax.set_xlim(rng.low - edge, rng.high + edge)
    ax.set_xticks(ticks, [number(v) for v in ticks])
    ax.set_xticks([], minor=True)

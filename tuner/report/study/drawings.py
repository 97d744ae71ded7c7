"""Drawings of a study as SVG: one function each, from the same view of the study that the PNG plots are made of."""

from __future__ import annotations

import html
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.report import svg
from tuner.report.panel import Axis, Panel
from tuner.report.plots import convergence, importance, parallel, pruned_at, response, slices
from tuner.report.plots._view import View, number
from tuner.report.plots.history import running_best
from tuner.storage.record import TrialRecord

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

Tip = Callable[["FrozenTrial"], str]
COLORS = ("--c1", "--c2", "--c3", "--c4")
DASHES = ("7 3 2 3", "2 3", "10 3", "7 3")
FAINT_LINES = 80
"""Curves of other trials at most, so that a study of thousands still makes a small page."""


def history(view: View, tip: Tip) -> str:
    """The objective by trial, with the best so far and what chance does to the baseline."""
    low, high = view.limits()
    last = max(t.number for t in view.done + view.pruned)
    panel = Panel(Axis.linear(0, max(last, 1), "trial", whole=True), Axis.linear(low, high), view.words(), 900, 340)
    _noise(panel, view)
    if view.baseline:
        panel.level(view.value(view.baseline), "--c0", "7 3")
    for trial in view.pruned:
        if math.isfinite(view.value(trial)):
            panel.dot(trial.number, view.value(trial), "--null", tip(trial), filled=False, radius=3)
    best = running_best(view)
    panel.steps([*((float(n), v) for n, v in best), (float(last), best[-1][1])], "--best")
    for trial in view.done:
        _mark(panel, view, trial, trial.number, tip)
    return panel.drawn()


def slices_(view: View, tip: Tip) -> list[str]:
    """Each searched knob against the objective, one panel a knob."""
    low, high = view.limits()
    marks = slices.marked(view)
    found = []
    for name in view.spec.order():
        axis, at = _knob_axis(view, name)
        panel = Panel(axis, Axis.linear(low, high), name, 340, 240, 54)
        _noise(panel, view)
        for (knobs, style), dash in zip(marks, ("", "5 3"), strict=False):
            if name in knobs:
                x, y = at(knobs[name], 0.0), (low, high)
                panel.line([(x, y[0]), (x, y[1])], "--c0" if style.label == "baseline" else "--c4", dash, 1.3)
        for trial in view.pruned:
            if name in trial.params and math.isfinite(view.value(trial)):
                x = at(trial.params[name], _jitter(trial.number))
                panel.dot(x, view.value(trial), "--null", tip(trial), filled=False, radius=2.6)
        for trial in view.done:
            if name in trial.params:
                _mark(panel, view, trial, at(trial.params[name], _jitter(trial.number)), tip)
        found.append(panel.drawn())
    return found


def response_(view: View, tip: Tip) -> list[str]:
    """The weight of a term against the objective: all trials at the first rung, and those that completed."""
    found = []
    for series in response.series(view):
        ys = [y for _, y in series.points.values()]
        if series.trend:
            ys += [*series.trend.low, *series.trend.high]
        pad = 0.06 * (max(ys) - min(ys)) or 0.01
        axis, _ = _knob_axis(view, series.knob)
        panel = Panel(axis, Axis.linear(min(ys) - pad, max(ys) + pad), series.title, 480, 300)
        if series.trend:
            panel.band(series.trend.x, series.trend.low, series.trend.high, "--c1")
            panel.line(list(zip(series.trend.x, series.trend.y, strict=True)), "--c1", width=2.4)
        for i, (value, label) in enumerate(series.marks.items()):
            panel.mark(value, label, i)
        for trial in view.pruned + view.done:
            if trial.number in series.points:
                x, y = series.points[trial.number]
                if view.best is not None and trial.number == view.best.number:
                    panel.star(x, y, tip(trial))
                else:
                    done = trial.state.name == "COMPLETE"
                    panel.dot(x, y, "--c1" if done else "--null", tip(trial), filled=done, radius=3)
        found.append(panel.drawn())
    return found


def curves(view: View) -> list[str]:
    """Objective and cross-entropy by epoch: a band of all completed trials, and those that stand out."""
    found = []
    for metric in dict.fromkeys([view.objective.metric, convergence.CROSS_ENTROPY]):
        lines = {t.number: c for t in view.done + view.pruned if (c := convergence.curve(view, t, metric))}
        if not lines:
            continue
        low, high = convergence.limits(lines, set(view.styles()))
        epochs = max(len(c) for c in lines.values())
        panel = Panel(Axis.linear(1, max(epochs, 2), "epoch", whole=True), Axis.linear(low, high), view.words(metric))
        others = [n for n in lines if n not in view.styles()]
        for n in random.Random(0).sample(others, min(len(others), FAINT_LINES)):
            panel.line(_by_epoch(lines[n]), "--null", width=0.5)
        done = [lines[t.number] for t in view.done if t.number in lines]
        if len(done) > 2:
            whole = np.array([c + [math.nan] * (epochs - len(c)) for c in done])
            covered = [i for i in range(epochs) if np.isfinite(whole[:, i]).sum() > 2]
            ends = np.nanquantile(whole[:, covered], (0.1, 0.9), axis=0)
            panel.band([i + 1 for i in covered], list(ends[0]), list(ends[1]), "--c1")
        for n, color, dash, width in standing_out(view):
            panel.line(_by_epoch(lines.get(n, [])), color, dash, width)
        found.append(panel.drawn())
    return found


def standing_out(view: View) -> list[tuple[int, str, str, float]]:
    """(trial, color, dash, width) of the plans, the baseline and, last, the best one."""
    best = view.best.number if view.best else None
    plans = [t for t in view.standing_out() if not TrialRecord.of(t).is_baseline]
    found = [(t.number, COLORS[i % 4], DASHES[i % 4], 1.6) for i, t in enumerate(plans) if t.number != best]
    found += [(view.baseline.number, "--c0", "7 3", 2.0)] if view.baseline and view.baseline.number != best else []
    return found + ([(best, "--best", "", 2.6)] if best is not None else [])


def parallel_(view: View, tip: Tip) -> str:
    """Every completed trial as one line over all searched knobs: the stronger, the better."""
    knobs = view.spec.order()
    values = [view.value(t) for t in view.done]
    worst, best = (min(values), max(values)) if view.maximize else (max(values), min(values))
    width = max(900.0, 130.0 * len(knobs) + 200)
    height, left, right, top, bottom = 400.0, 80.0, 90.0, 54.0, 70.0
    x, y = svg.Scale(0, len(knobs), left, width - right), svg.Scale(0, 1, height - bottom, top)
    missing = any(name not in t.params for t in view.done for name in knobs)
    parts = []
    first, second = view.best, view.baseline
    for trial in sorted(view.done, key=lambda t: (t is first, t is second, (view.value(t) - worst) / (best - worst))):
        good = (view.value(trial) - worst) / (best - worst)
        told = trial is first or trial is second
        shift = 0.0 if told else random.Random(trial.number).uniform(-0.035, 0.035)
        heights = [parallel.height(view.spec.knobs[name], trial.params.get(name), shift) for name in knobs]
        points = svg.points([(x(i), y(h)) for i, h in enumerate([*heights, good])])
        color = "--best" if trial is first else "--c0" if trial is second else "--c1"
        style = f'style="stroke:var({color})" stroke-opacity="{1.0 if told else 0.1 + 0.7 * good**2:.2f}"'
        dashes = ' stroke-dasharray="7 3"' if color == "--c0" else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke-width="{2.6 if told else 1.3}" {style}{dashes}>'
            f"<title>{html.escape(tip(trial))}</title></polyline>"
        )
    for i, name in enumerate([*knobs, "objective"]):
        parts.append(svg.line(x(i), y(0), x(i), y(1), "axis"))
        parts.append(svg.text(x(i), 20 if i % 2 == 0 else 38, name, ""))
        marks = (
            [(share, number(worst + share * (best - worst))) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
            if name == "objective"
            else _knob_marks(view, name)
        )
        if missing and name != "objective" and any(name not in t.params for t in view.done):
            marks = [*marks, (parallel.MISSING, "n/a")]
        for at, label in marks:
            parts += [
                svg.line(x(i) - 3, y(at), x(i) + 3, y(at), "axis"),
                svg.text(x(i) + 7, y(at) + 4, label, "halo", "start"),
            ]
    return svg.drawing(width, height, parts, f"All {len(view.done)} completed trials, knob by knob")


def importance_(view: View) -> tuple[str, list[str]] | None:
    """Shares of importance beside what chance gives, and the knobs beyond it; None where there is too little."""
    trials = importance.counted(view)
    if not view.comparable or len(trials) < importance.FEWEST or len({n for t in trials for n in t.params}) < 2:
        return None
    shares, chance = importance.importances(view, trials)
    if not any(shares.values()):
        return None
    order = sorted(shares, key=lambda name: -shares[name])
    beyond = [name for name in order if shares[name] > chance[name]]
    width, left, row = 900.0, 200.0, 28.0
    x = svg.Scale(0, 1.15 * max(shares.values()), left, width - 60)
    parts = []
    for i, name in enumerate(order):
        top = 8 + row * i
        paint = f'style="fill:var({"--c1" if name in beyond else "--null"})"'
        size = f'width="{x(shares[name]) - left:.1f}" height="18"'
        parts.append(svg.text(left - 10, top + 15, name, "mono", "end"))
        parts.append(f'<rect x="{left}" y="{top + 2:.1f}" {size} {paint}/>')
        # Beside the bar, or beside the mark where that stands in the way.
        near = 0 <= x(chance[name]) - x(shares[name]) < 40
        end = x(chance[name]) if near else x(shares[name])
        parts.append(svg.text(end + 6, top + 15, f"{shares[name]:.0%}", "soft", "start"))
        if x(chance[name]) < width:
            paint = ' style="stroke:var(--c0)"'
            parts.append(svg.stroke(x(chance[name]), top - 1, x(chance[name]), top + 23, paint))
    return svg.drawing(width, row * len(order) + 14, parts, "importance of the knobs"), beyond


def pruned(view: View) -> str:
    """At which epoch trials were stopped, and how many ran to the end."""
    bars = pruned_at.counts(view)
    rungs = {str(r) for r in pruned_at.rung_epochs(view)}
    most = max(sum(bar) for bar in bars.values())
    ticks = {i + 0.5: label.replace("\n", ", ") + (" (rung)" if label in rungs else "") for i, label in enumerate(bars)}
    panel = Panel(Axis(0, len(bars), ticks, "epoch"), Axis.linear(0, 1.15 * most, whole=True), "trials", 900, 260)
    for i, bar in enumerate(bars.values()):
        below = 0
        for count, color in zip(bar, ("--null", "--best", "--c1"), strict=True):
            if count:
                top, bottom = panel.y(below + count), panel.y(below)
                left, right = panel.x(i + 0.18), panel.x(i + 0.82)
                panel.parts.append(
                    f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
                    f'style="fill:var({color})"/>'
                )
                below += count
        panel.parts.append(svg.text(panel.x(i + 0.5), panel.y(below) - 4, str(below), ""))
    return panel.drawn()


def _noise(panel: Panel, view: View) -> None:
    """Shade where the baseline falls by chance."""
    if band := view.replicates.spread():
        low, high = band.mean - 2 * band.std, band.mean + 2 * band.std
        panel.band([panel.x_axis.low, panel.x_axis.high], [low, low], [high, high], "--null")


def _mark(panel: Panel, view: View, trial: FrozenTrial, x: float, tip: Tip) -> None:
    if view.best is not None and trial.number == view.best.number:
        panel.star(x, view.value(trial), tip(trial))
    else:
        panel.dot(x, view.value(trial), "--c1", tip(trial))


def _by_epoch(values: list[float]) -> list[tuple[float, float]]:
    return [(float(i), v) for i, v in enumerate(values, 1)]


def _jitter(seed: int) -> float:
    return random.Random(seed).uniform(-0.28, 0.28)


def _knob_axis(view: View, name: str) -> tuple[Axis, Callable[[Any, float], float]]:
    """The axis of a searched knob, and where a value lies on it (value, shift of a choice)."""
    rng = view.spec.knobs[name]
    if rng.choices is not None:
        order = {choice: i for i, choice in enumerate(rng.choices)}
        axis = Axis(-0.6, len(order) - 0.4, {i: c for c, i in order.items()})
        return axis, lambda value, shift: order.get(value, -1) + shift
    assert rng.low is not None and rng.high is not None
    edge = (rng.high / rng.low) ** 0.05 if rng.log else 0.05 * (rng.high - rng.low)
    low, high = (rng.low / edge, rng.high * edge) if rng.log else (rng.low - edge, rng.high + edge)
    return Axis(low, high, {t: number(t) for t in view.ticks(name)}, log=rng.log), lambda value, _: float(value)


def _knob_marks(view: View, name: str) -> list[tuple[float, str]]:
    rng = view.spec.knobs[name]
    if rng.choices is not None:
        return [(parallel.scaled(rng, c), c) for c in rng.choices]
    return [(parallel.scaled(rng, v), number(v)) for v in view.ticks(name)]

"""What arms are compared on: each metric as a pure function of a run's record, on the yardstick and naively.

A record is what a run of one arm in one block left behind: `curves` by epoch, `test` scores, `minority_f1`,
`gradient_cv`, `gradient_sd`, `explosion_share`, `gate_saturation`. Naive is the figure as someone would read it off the
weighted total loss, which the knobs rescale; None where the metric has no such reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trainer.convergence import PHASES, area_under, epochs_to, fluctuation, restricted_mean, speed_target
from trainer.objective import Objective

Record = Mapping[str, Any]
FEWEST = 3
"""Epochs of a phase below which its fluctuation is not defined."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a metric needs of the baseline's runs of the same validation."""

    best: float
    """mean of the baseline's best validation weighted F1, or of a script's objective"""
    final_total: float
    """mean of the baseline's last weighted total loss"""
    budget: int
    """epochs"""
    start: float
    level: float
    """means of the baseline's first validation value, and of its last fifth of the epochs"""
    goal: Objective = field(default_factory=Objective)
    """what runs are best on, and how fast they get there: validation weighted F1, or a script's objective"""
    reported: Mapping[str, str] = field(default_factory=dict)
    """metrics that only a script has, and which way each is better"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing to compare."""

    higher_is_better: bool
    value: Callable[[Record, Context], float]
    naive: Callable[[Record, Context], float] | None
    what: str
    worst: float | None = None
    """of a diverged run; None: 0 for scores, else the worst that any run had"""


def _curve(record: Record, name: str) -> Sequence[float]:
    return [math.nan if v is None else v for v in record["curves"][name]]


def _speed(record: Record, context: Context) -> float:
    """The restricted mean; by the baseline's level, which one lucky epoch does not lift as it does its best."""
    way = context.goal.direction
    target = context.start + ARRIVED * (context.level - context.start)
    return restricted_mean(_curve(record, context.goal.metric), context.start, target, way)


def _first_touch(record: Record, context: Context) -> float:
    way = context.goal.direction
    return epochs_to(_curve(record, context.goal.metric), speed_target(context.best, way), context.budget, way)[0]


def censored(records: Sequence[Record], context: Context) -> int:
    """Runs of an arm whose monotone curve ends short of the target: of them the measure of speed knows no end."""
    way, target = context.goal.direction, context.start + ARRIVED * (context.level - context.start)
    ends = [_curve(r, context.goal.metric) for r in records if context.goal.metric in r["curves"]]
    # From the last value alone on a monotone curve has no way to go, where it has arrived.
    return sum(not restricted_mean([_tail(c, way)], context.start, target, way) <= 0 for c in ends)


def _tail(curve: Sequence[float], way: str) -> float:
    """The end of the monotone curve nearest to a measured one."""
    from scipy.optimize import isotonic_regression

    values = np.asarray(curve, dtype=float)
    return float(isotonic_regression(values[np.isfinite(values)], increasing=way == "maximize").x[-1])


def _naive_speed(record: Record, context: Context) -> float:
    target = speed_target(context.final_total, "minimize")
    return epochs_to(_curve(record, "weighted/total"), target, context.budget, "minimize")[0]


def _raw_fluctuation(record: Record, context: Context) -> float:
    """Wobble of the weighted total around its trend, in its own unit: a smaller loss wobbles less."""
    return fluctuation(_curve(record, "weighted/total"), log=False)


def _loss_at(name: str, epoch: int | None) -> Callable[[Record, Context], float]:
    def value(record: Record, context: Context) -> float:
        curve = _curve(record, name)
        if epoch is None:
            return curve[-1]
        return curve[epoch - 1] if epoch <= len(curve) else math.nan

    return value


def _wobble(curve_name: str, what: str, phase: str | None = None, log: bool = True, naive: bool = False) -> Metric:
    def value(record: Record, context: Context) -> float:
        curve = _curve(record, curve_name)
        start, stop = (round(share * len(curve)) for share in PHASES[phase]) if phase else (0, len(curve))
        return fluctuation(curve, phase, log=log) if stop - start >= FEWEST else math.nan

    kind = "relative" if log else "absolute"
    where = f" in the {phase} phase" if phase else ""
    return Metric(False, value, _raw_fluctuation if naive else None, f"{kind} fluctuation of {what}{where}")


def _wobbles(phase: str | None) -> dict[str, Metric]:
    """The three readings of stability: relative, absolute, and of F1."""
    name = f"stability_{phase}" if phase else "stability"
    return {
        name: _wobble("val/cross_entropy", "validation cross-entropy", phase, naive=phase is None),
        f"{name}_absolute": _wobble("val/cross_entropy", "validation cross-entropy", phase, log=False),
        f"{name}_f1": _wobble("val/weighted_f1", "validation weighted F1", phase, log=False),
    }


def _phase_area(phase: str) -> Metric:
    def value(record: Record, context: Context) -> float:
        curve = _curve(record, "val/weighted_f1")
        start, stop = (round(share * len(curve)) for share in PHASES[phase])
        return area_under(curve[start:stop])

    return Metric(True, value, None, f"mean validation weighted F1 in the {phase} phase")


METRICS: dict[str, Metric] = {
    "final_performance": Metric(
        True, lambda r, c: r["test"]["test/weighted_f1"], None, "test weighted F1 at the epoch best on validation"
    ),
    "macro_f1": Metric(True, lambda r, c: r["test"]["test/macro_f1"], None, "test macro F1, likewise"),
    "accuracy": Metric(True, lambda r, c: r["test"]["test/accuracy"], None, "test accuracy, likewise"),
    "minority_performance": Metric(
        True, lambda r, c: r["minority_f1"], None, "mean test F1 of the rarest third of the classes"
    ),
    "speed": Metric(
        False,
        _speed,
        _naive_speed,
        "restricted mean of the epochs to 95% of the way to the baseline's validation score",
    ),
    "epochs_to_95": Metric(
        False, _first_touch, _naive_speed, "epochs to 95% of the baseline's mean best validation score, first touch"
    ),
    **_wobbles(None),
    "training_fluctuation": _wobble("train/cross_entropy", "training cross-entropy", naive=True),
    "training_fluctuation_absolute": _wobble("train/cross_entropy", "training cross-entropy", log=False),
    "gradient_stability": replace(
        _wobble("grad/classification_norm", "the classification gradient's norm on the shared encoders"),
        naive=lambda r, c: r["gradient_sd"],
    ),
    "training_stability": Metric(
        False, lambda r, c: r["explosion_share"], None, "share of steps over 10 times the median gradient norm", 1.0
    ),
    "training_loss": Metric(
        False,
        _loss_at("train/cross_entropy", None),
        _loss_at("weighted/total", None),
        "training cross-entropy at the last epoch",
    ),
    "convergence_quality": Metric(
        False,
        lambda r, c: min(_curve(r, "val/cross_entropy")),
        lambda r, c: min(_curve(r, "weighted/total")),
        "lowest validation cross-entropy",
    ),
    "reconstruction": Metric(
        False, _loss_at("val/mse", None), None, "validation MSE of the reconstruction at the last epoch"
    ),
    "gate_saturation": Metric(
        False,
        lambda r, c: r["gate_saturation"],
        None,
        "share of dialogue gates below 0.05 or above 0.95 at the end",
        1.0,
    ),
    **_wobbles("early"),
    **_wobbles("middle"),
    **_wobbles("late"),
    **{f"area_{phase}": _phase_area(phase) for phase in PHASES},
}
"""Also `training_loss@N`: at epoch N."""
COMPANIONS: dict[str, tuple[str, ...]] = {
    **{n: (f"{n}_absolute", f"{n}_f1") for n in ("stability", *(f"stability_{phase}" for phase in PHASES))},
    "training_fluctuation": ("training_fluctuation_absolute",),
}
"""Other readings of a metric; a claim of it is supported, or refuted, only where all of them are."""
ARRIVED = 0.95
"""Share of the way to the baseline's level that counts as arrived."""
AT = "training_loss@"
NONE: Mapping[str, str] = {}


def is_metric(name: str, reported: Mapping[str, str] = NONE) -> bool:
    """Whether there is such a metric. reported: those that only a script has, and which way each is better."""
    epoch = name.removeprefix(AT)
    return name in METRICS or name in reported or (epoch != name and epoch.isdecimal() and int(epoch) >= 1)


def metric(name: str, reported: Mapping[str, str] = NONE) -> Metric:
    """The metric of that name."""
    if name in METRICS:
        return METRICS[name]
    if name in reported:
        what = f"{name} at the epoch that is best on the script's objective"
        return Metric(reported[name] == "maximize", lambda r, c: r["reported"][name], None, what)
    epoch = int(name.removeprefix(AT))
    return Metric(
        False,
        _loss_at("train/cross_entropy", epoch),
        _loss_at("weighted/total", epoch),
        f"training cross-entropy at epoch {epoch}",
    )


def context(
    baseline: Sequence[Record], budget: int, goal: Objective | None = None, reported: Mapping[str, str] = NONE
) -> Context:
    """From the baseline's records, one a block; diverged ones have nothing to say."""
    goal = goal or Objective()
    sound = [r["curves"] for r in baseline if r["state"] == "complete"]
    pick = np.nanmax if goal.direction == "maximize" else np.nanmin
    best = [float(pick(np.array(curves[goal.metric], dtype=float))) for curves in sound if goal.metric in curves]
    totals = [curves["weighted/total"][-1] for curves in sound if "weighted/total" in curves]
    mean_best, mean_total = (float(np.mean(values)) if values else math.nan for values in (best, totals))
    curves = [np.array(c[goal.metric], dtype=float) for c in sound if goal.metric in c]
    curves = [c[np.isfinite(c)] for c in curves]
    ways = [(c[0], c[-max(1, len(c) // 5) :].mean()) for c in curves if len(c)]
    start, level = (float(np.mean(ends)) for ends in zip(*ways, strict=True)) if ways else (math.nan, math.nan)
    return Context(mean_best, mean_total, budget, start, level, goal, reported)


def values(
    records: Mapping[str, Sequence[Record]], name: str, context: Context, *, naive: bool = False
) -> dict[str, np.ndarray]:
    """The metric of each arm as an array (blocks,); without arms of which a run that ran to its end does not define it.

    A run that diverged counts with the worst value that any run had (0 for scores, 1 for shares of what is bad, the
    whole budget for speed): it is never dropped. Not defined is a naive reading that there is not, a loss at an epoch
    that was not reached, the fluctuation of a few epochs.
    """
    found = metric(name, context.reported)
    function = found.naive if naive else found.value
    if function is None:
        return {}
    sound = {
        arm: [_measured(function, r, context) if r["state"] == "complete" else None for r in runs]
        for arm, runs in records.items()
    }
    there = [v for row in sound.values() for v in row if v is not None and math.isfinite(v)]
    if name == "speed":
        worst = float(context.budget)
    elif found.worst is not None:
        worst = found.worst
    else:
        worst = 0.0 if found.higher_is_better else max(there, default=0.0)
    return {
        arm: np.array([worst if v is None else v for v in row])
        for arm, row in sound.items()
        if all(v is None or math.isfinite(v) for v in row)
    }


def _measured(function: Callable[[Record, Context], float], record: Record, context: Context) -> float:
    """NaN where the run did not measure what the metric is made of: another model, a script."""
    try:
        return float(function(record, context))
    except KeyError:
        return math.nan


def why_not(records: Mapping[str, Sequence[Record]], name: str, arms: Sequence[str], context: Context) -> str | None:
    """Why the runs of these arms cannot show anything of a metric, as a key of the report's strings; None: they can.

    `not measured`: such runs do not measure it; `unreached`: the loss at an epoch beyond the last; `too short`: not
    defined for so few epochs; `never reached`, `at once`: every run takes the whole budget to its target, or one epoch,
    so that there is no faster or slower.
    """
    found = values(records, name, context)
    if name in ("speed", "epochs_to_95") and not lacks(records, name, arms, context):
        way, runs = context.goal.direction, [r for arm in arms for r in records[arm] if r["state"] == "complete"]
        target = speed_target(context.best, way)
        touched = [epochs_to(_curve(r, context.goal.metric), target, context.budget, way) for r in runs]
        if not any(reached for _, reached in touched):
            return "never reached"
        if all(epoch == 1 for epoch, _ in touched) or not all(arm in found for arm in arms):
            return "at once"
    if not all(arm in found for arm in arms):
        if lacks(records, name, arms, context):
            return "not measured"
        return "unreached" if name.startswith(AT) else "too short"
    return None


def lacks(records: Mapping[str, Sequence[Record]], name: str, arms: Sequence[str], context: Context) -> bool:
    """Whether a run of these arms that ran to its end did not measure what the metric is made of."""
    for record in (r for arm in arms for r in records[arm] if r["state"] == "complete"):
        try:
            metric(name, context.reported).value(record, context)
        except KeyError:
            return True
    return False

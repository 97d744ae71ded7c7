"""What arms are compared on: each metric as a pure function of a run's record, on the yardstick and naively.

A record is what a run of one arm in one block left behind: `curves` by epoch, `test` scores, `minority_f1`,
`gradient_cv`, `gradient_sd`, `explosion_share`, `gate_saturation`. Naive is the figure as someone would read it off the
weighted total loss, which the knobs rescale; None where the metric has no such reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.convergence import PHASES, area_under, epochs_to, fluctuation, log_residuals, speed_target

Record = Mapping[str, Any]
FEWEST = 3
"""Epochs of a phase below which its fluctuation is not defined."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a metric needs of the baseline's runs of the same validation."""

    best: float
    """mean of the baseline's best validation weighted F1"""
    final_total: float
    """mean of the baseline's last weighted total loss"""
    budget: int
    """epochs"""


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
    return epochs_to(_curve(record, "val/weighted_f1"), speed_target(context.best), context.budget)[0]


def _naive_speed(record: Record, context: Context) -> float:
    target = speed_target(context.final_total, "minimize")
    return epochs_to(_curve(record, "weighted/total"), target, context.budget, "minimize")[0]


def _raw_fluctuation(record: Record, context: Context) -> float:
    """Standard deviation of the weighted total around its trend, in its own unit: a smaller loss wobbles less."""
    total = np.asarray(_curve(record, "weighted/total"))
    trend = total / np.exp(log_residuals(list(total)))
    return float((total - trend).std())


def _loss_at(name: str, epoch: int | None) -> Callable[[Record, Context], float]:
    def value(record: Record, context: Context) -> float:
        curve = _curve(record, name)
        if epoch is None:
            return curve[-1]
        return curve[epoch - 1] if epoch <= len(curve) else math.nan

    return value


def _phase_fluctuation(phase: str) -> Metric:
    def value(record: Record, context: Context) -> float:
        curve = _curve(record, "val/cross_entropy")
        start, stop = (round(share * len(curve)) for share in PHASES[phase])
        return fluctuation(curve, phase) if stop - start >= FEWEST else math.nan

    return Metric(False, value, None, f"fluctuation of validation cross-entropy in the {phase} phase")


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
    "speed": Metric(False, _speed, _naive_speed, "epochs to 95% of the baseline's mean best validation weighted F1"),
    "stability": Metric(
        False,
        lambda r, c: fluctuation(_curve(r, "val/cross_entropy")),
        _raw_fluctuation,
        "fluctuation of validation cross-entropy",
    ),
    "training_fluctuation": Metric(
        False,
        lambda r, c: fluctuation(_curve(r, "train/cross_entropy")),
        _raw_fluctuation,
        "fluctuation of training cross-entropy",
    ),
    "gradient_stability": Metric(
        False, lambda r, c: r["gradient_cv"], lambda r, c: r["gradient_sd"], "variation of the gradient norm"
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
    **{f"stability_{phase}": _phase_fluctuation(phase) for phase in PHASES},
    **{f"area_{phase}": _phase_area(phase) for phase in PHASES},
}
"""Also `training_loss@N`: at epoch N."""
AT = "training_loss@"


def is_metric(name: str) -> bool:
    """Whether there is such a metric."""
    epoch = name.removeprefix(AT)
    return name in METRICS or (epoch != name and epoch.isdecimal() and int(epoch) >= 1)


def metric(name: str) -> Metric:
    """The metric of that name."""
    if name in METRICS:
        return METRICS[name]
    epoch = int(name.removeprefix(AT))
    return Metric(
        False,
        _loss_at("train/cross_entropy", epoch),
        _loss_at("weighted/total", epoch),
        f"training cross-entropy at epoch {epoch}",
    )


def context(baseline: Sequence[Record], budget: int) -> Context:
    """From the baseline's records, one a block; diverged ones have nothing to say."""
    sound = [r for r in baseline if r["state"] == "complete"]
    if not sound:
        return Context(math.nan, math.nan, budget)
    best = [max(_curve(r, "val/weighted_f1")) for r in sound]
    return Context(float(np.mean(best)), float(np.mean([_curve(r, "weighted/total")[-1] for r in sound])), budget)


def values(
    records: Mapping[str, Sequence[Record]], name: str, context: Context, *, naive: bool = False
) -> dict[str, np.ndarray]:
    """The metric of each arm as an array (blocks,); without arms of which a run that ran to its end does not define it.

    A run that diverged counts with the worst value that any run had (0 for scores, 1 for shares of what is bad, the
    whole budget for speed): it is never dropped. Not defined is a naive reading that there is not, a loss at an epoch
    that was not reached, the fluctuation of a few epochs.
    """
    found = metric(name)
    function = found.naive if naive else found.value
    if function is None:
        return {}
    sound = {
        arm: [float(function(r, context)) if r["state"] == "complete" else None for r in runs]
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


def why_not(records: Mapping[str, Sequence[Record]], name: str, arms: Sequence[str], context: Context) -> str | None:
    """Why the runs of these arms cannot show anything of a metric, as a key of the report's strings; None: they can.

    `unreached`: the loss at an epoch beyond the last; `too short`: not defined for so few epochs; `never reached`,
    `at once`: every run takes the whole budget to its target, or one epoch, so that there is no faster or slower.
    """
    found = values(records, name, context)
    if not all(arm in found for arm in arms):
        return "unreached" if name.startswith(AT) else "too short"
    if name == "speed":
        target = speed_target(context.best)
        runs = [r for arm in arms for r in records[arm] if r["state"] == "complete"]
        if not any(max(_curve(r, "val/weighted_f1")) >= target for r in runs):
            return "never reached"
        return "at once" if all((found[arm] == 1).all() for arm in arms) else None
    return None

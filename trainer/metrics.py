"""What is measured in an epoch, under the names that MLflow, study files and `status` use.

loss/<term>        unweighted, training mode, mean over the steps
weighted/<term>    the same times the weight in force; weighted/total is what the optimiser sees
weight/<term>      the weight in force
train/, val/       yardsticks in evaluation mode; val_f1/<class> per class
gap/<yardstick>    train minus validation
grad/              norm before clipping; conflict with the reconstruction
gate/              mean and share saturated, on the validation rows
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import numpy as np

from trainer.convergence import EXPLOSION
from trainer.scores import Scores


@dataclass(frozen=True, slots=True)
class Steps:
    """What the steps of one epoch measured of one member."""

    columns: dict[str, np.ndarray]
    """total, norm and each unweighted term, (steps,) each"""
    weights: dict[str, np.ndarray]
    """the weight in force of each term that has one, (steps,) each"""
    conflicts: np.ndarray
    """(m, 3): cosine, effective weight and the classification gradient's norm, at m of the steps"""
    rate: float
    """learning rate of the last step"""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One member after one epoch."""

    member: int
    """position of the member's config in the population as it was started"""
    epoch: int
    """1 for the first"""
    metrics: dict[str, float]
    diverged: str | None
    """why the member cannot go on: which loss was not finite; None while all is well"""


def step_metrics(steps: Steps, clip_norm: float) -> tuple[dict[str, float], np.ndarray]:
    """Metrics of the training steps of one epoch, and the gradient norm of each step (steps,)."""
    columns, weights = dict(steps.columns), steps.weights
    norms = columns.pop("norm")
    total = columns.pop("total")
    if "reconstruction_global" in columns:
        columns["reconstruction"] = columns["reconstruction_global"] + columns["reconstruction_inter"]
    metrics = {f"loss/{name}": float(values.mean()) for name, values in columns.items()}
    labelled = columns["classification"] != 0
    if labelled.any():
        # A batch without labels has a classification loss of exactly 0, which is no measurement.
        metrics["loss/classification"] = float(columns["classification"][labelled].mean())
    metrics |= {f"weight/{name}": float(values.mean()) for name, values in weights.items()}
    metrics |= {f"weighted/{name}": float((columns[name] * values).mean()) for name, values in weights.items()}
    metrics["weighted/total"] = float(total.mean())
    metrics |= gradient_metrics(norms, clip_norm)
    for name, values in zip(("cosine", "effective_weight", "classification_norm"), steps.conflicts.T, strict=True):
        if np.isfinite(values).any():
            metrics[f"grad/{name}"] = float(np.nanmean(values))
    metrics["learning_rate"] = steps.rate
    return metrics, norms


def gradient_metrics(norms: np.ndarray, clip_norm: float) -> dict[str, float]:
    """Mean, deviation, coefficient of variation, maximum, share clipped and explosions of step norms (steps,)."""
    with np.errstate(invalid="ignore"):  # a norm that is not finite is reported by `divergence`
        mean, std = float(norms.mean()), float(norms.std())
    medians = running_median(norms)
    return {
        "grad/norm_mean": mean,
        "grad/norm_std": std,
        "grad/norm_cv": std / mean if mean > 0 else 0.0,
        "grad/norm_max": float(norms.max()),
        "grad/clipped_share": float((norms > clip_norm).mean()),
        "grad/explosions": float((norms > EXPLOSION * medians).sum()),
    }


def running_median(values: np.ndarray) -> np.ndarray:
    """The median of values[: i + 1] for each i; (n,) to (n,). NaN from the first NaN on."""
    medians, ordered = np.full(len(values), math.nan), list[float]()
    for i, value in enumerate(values.tolist()):
        if math.isnan(value):
            break
        bisect.insort(ordered, value)
        medians[i] = (ordered[i // 2] + ordered[(i + 1) // 2]) / 2
    return medians


def score_metrics(train: Scores, validation: Scores, label_names: tuple[str, ...]) -> dict[str, float]:
    """Yardsticks, gaps, per-class F1 and gates under their names."""
    metrics = {f"train/{name}": value for name, value in train.values.items()}
    metrics |= {f"val/{name}": value for name, value in validation.values.items()}
    gaps = [name for name in ("cross_entropy", "mse", "weighted_f1") if name in train.values]
    metrics |= {f"gap/{name}": train.values[name] - validation.values[name] for name in gaps}
    metrics |= class_metrics("val_f1", validation, label_names)
    metrics |= {f"gate/{name}": value for name, value in validation.gates.items()}
    return metrics


def class_metrics(prefix: str, scores: Scores, label_names: tuple[str, ...]) -> dict[str, float]:
    """F1 of each class as `<prefix>/<class>`."""
    return {f"{prefix}/{name}": f1 for name, f1 in zip(label_names, scores.class_f1, strict=True)}


def divergence(metrics: dict[str, float]) -> str | None:
    """Why these metrics cannot come from a healthy member, or None: a loss, a yardstick or a gradient is not finite."""
    watched = ("loss/", "weighted/", "train/", "val/", "grad/norm_max")
    bad = [n for n, v in metrics.items() if n.startswith(watched) and not np.isfinite(v)]
    return f"not finite: {', '.join(bad)}" if bad else None

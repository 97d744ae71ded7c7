"""Convergence measures: pure functions from curves to numbers.

A curve is one value an epoch, the first at index 0. "Yardstick" and "naive" measures are the same functions on
different curves: unweighted validation cross-entropy, and the weighted total loss that a change of weights rescales.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from trainer.objective import Objective

EXPLOSION = 10.0
"""A step explodes when its gradient norm is over this many times the running median before it."""
PHASES = {"early": (0.0, 0.2), "middle": (0.2, 0.6), "late": (0.6, 1.0)}
"""Shares of the budget: the recommendation's epochs 1-10, 11-30 and 31-50 of 50."""


def epochs_to(curve: Sequence[float], target: float, budget: int, direction: str = "maximize") -> tuple[int, bool]:
    """Epochs until the curve first reaches `target`, and whether it did; `budget` (censored) where it never does."""
    values = np.asarray(curve, dtype=float)
    reached = np.flatnonzero(values >= target if direction == "maximize" else values <= target)
    return (int(reached[0]) + 1, True) if len(reached) else (budget, False)


def speed_target(best: float, direction: str = "maximize", share: float = 0.95) -> float:
    """The value that counts as converged: 95% of the baseline's (mean) best; for a loss, 1/95% of it."""
    return best * share if direction == "maximize" else best / share


def area_under(curve: Sequence[float]) -> float:
    """Normalised area under a validation curve: its mean over the epochs, by the trapezoid rule. Needs no threshold."""
    values = np.asarray(curve, dtype=float)
    if len(values) < 2:
        return float(values.mean()) if len(values) else math.nan
    return float(np.trapezoid(values) / (len(values) - 1))


def log_residuals(curve: Sequence[float]) -> np.ndarray:
    """Residuals (epochs,) of the log of a loss curve around its smooth trend.

    The trend is a Savitzky-Golay filter (Savitzky and Golay 1964) of order 2 over a fifth of the epochs, at least 5.
    The log makes the measure one of relative wobble, so that rescaling a loss leaves it unchanged. NaN below 5 epochs,
    and for a curve that goes below 0, as the total of uncertainty weighting may.
    """
    losses = np.asarray(curve, dtype=float)
    if len(losses) < 5 or not np.isfinite(losses).all() or losses.min() < 0:
        return np.full(len(losses), math.nan)
    from scipy.signal import savgol_filter

    values = np.log(np.maximum(losses, 1e-12))
    window = max(5, len(values) // 5 | 1)
    residuals: np.ndarray = values - savgol_filter(values, window, 2)
    return residuals


def fluctuation(curve: Sequence[float], phase: str | None = None) -> float:
    """Standard deviation of `log_residuals`, over all epochs or over one of PHASES."""
    residuals = log_residuals(curve)
    if phase is not None:
        start, stop = (round(share * len(residuals)) for share in PHASES[phase])
        residuals = residuals[start:stop]
    return float(residuals.std()) if len(residuals) else math.nan


def gradient_stability(norms: np.ndarray, clip_norm: float) -> dict[str, float]:
    """Coefficient of variation, share of explosions and share clipped of the gradient norms (steps,) of a whole run.

    A step explodes when its norm is over 10 times the median of the last 100 steps, itself included.
    """
    if not len(norms):
        return {}
    window = 100
    padded = np.concatenate([np.full(window - 1, np.nan), norms])
    before = np.lib.stride_tricks.sliding_window_view(padded, window)
    medians = np.nanmedian(before, axis=1)
    mean = float(norms.mean())
    return {
        "gradient_cv": float(norms.std()) / mean if mean > 0 else 0.0,
        "explosion_share": float((norms > EXPLOSION * medians).mean()),
        "clipped_share": float((norms > clip_norm).mean()),
    }


def measures(
    curves: Mapping[str, Sequence[float]],
    norms: np.ndarray,
    objective: Objective,
    *,
    clip_norm: float,
    budget: int,
) -> dict[str, float]:
    """All measures of one completed run that need no other run, as convergence/<name>.

    What is undefined is left out, and so is what needs a curve that the run does not have.

    The speed in epochs needs the baseline's best value; it is added where that is known (`speed`).
    """
    entropy, total = curves.get("val/cross_entropy", ()), curves.get("weighted/total", ())
    found = {
        "area": area_under(curves[objective.metric]),
        "fluctuation": fluctuation(entropy),
        "naive_fluctuation": fluctuation(total),
        "naive_final_loss": float(total[-1]) if total else math.nan,
        **{f"fluctuation_{phase}": fluctuation(entropy, phase) for phase in PHASES},
        **gradient_stability(norms, clip_norm),
        "overfit_gap": curves["gap/cross_entropy"][-1] if "gap/cross_entropy" in curves else math.nan,
    }
    if "grad/cosine" in curves:
        cosine = np.asarray(curves["grad/cosine"], dtype=float)
        found["conflict_cosine"] = float(np.nanmean(cosine)) if np.isfinite(cosine).any() else math.nan
    return {f"convergence/{name}": value for name, value in found.items() if math.isfinite(value)}


def speed(curve: Sequence[float], baseline_best: float, objective: Objective, budget: int) -> dict[str, float]:
    """Epochs to 95% of the baseline's best, and whether it was reached, as convergence/<name>."""
    epochs, reached = epochs_to(curve, speed_target(baseline_best, objective.direction), budget, objective.direction)
    return {"convergence/epochs_to_95": float(epochs), "convergence/reached_95": float(reached)}

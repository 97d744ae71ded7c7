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
WINDOW = 5
"""Epochs of the local trend."""
FIRST_PART = 0.2
"""Share of the epochs that the fluctuation of a whole run leaves out."""
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


def local_residuals(values: np.ndarray) -> np.ndarray:
    """Residuals (n - 4,) of a series (n,) around its local trend, from the third value to the last but two.

    The trend at a value is the parabola through it and two neighbours on either side (Savitzky and Golay 1964), which
    follows a steep fall: of a decay exp(-t / tau) it leaves less than a hundredth at the fourth epoch, whatever tau.
    Scaled so that independent noise of deviation s has residuals of deviation s, however long the series is. What goes
    up and down more slowly than over four epochs counts as trend.
    """
    if len(values) < WINDOW:
        return np.zeros(0)
    trend = np.convolve(values, np.array([-3, 12, 17, 12, -3]) / 35, mode="valid")
    residuals: np.ndarray = (values[2:-2] - trend) / math.sqrt(18 / 35)
    return residuals


def fluctuation(curve: Sequence[float], phase: str | None = None, *, log: bool = True) -> float:
    """Root mean square of `local_residuals`, of the log of a loss curve, or of a curve itself, in its unit.

    Over what follows the first fifth of the epochs, where a curve is mostly fall; or over one of PHASES: in the early
    one the first epoch is left out. The log makes it relative, so that a factor changes nothing, and noise of one size
    wobbles more where the loss is lower; without it a level changes nothing, and a factor does. Neither alone says
    that a run is steadier. NaN for too few epochs, and of the log for a curve that goes below 0.
    """
    values = np.asarray(curve, dtype=float)
    n = len(values)
    if not n or not np.isfinite(values).all() or (log and values.min() < 0):
        return math.nan
    residuals = local_residuals(np.log(np.maximum(values, 1e-12)) if log else values)
    start, stop = (round(share * n) for share in PHASES[phase]) if phase else (math.ceil(FIRST_PART * n) + 2, n)
    # The residual of epoch i (from 0) is at i - 2; of the early phase none whose window holds the first epoch.
    chosen = residuals[max(start - 2, 1) : max(stop - 2, 0)]
    return float(np.sqrt((chosen**2).mean())) if len(chosen) else math.nan


def restricted_mean(curve: Sequence[float], start: float, target: float, direction: str = "maximize") -> float:
    """Restricted mean of the epochs to a target: the area between the target and the curve, in epochs.

    The way from `start` to `target` is 1; the share that is still to go, summed over the epochs, is the mean time to
    the target of a unit of it, restricted to the run's length (Royston and Parmar 2013 of survival curves). A run twice
    as fast has half of it; one that does not arrive counts as far as it came. The curve is the monotone one nearest to
    what was measured, so that one lucky epoch is no arrival. NaN where there is no way to go.
    """
    from scipy.optimize import isotonic_regression

    values = np.asarray(curve, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values) or (target <= start if direction == "maximize" else target >= start):
        return math.nan
    smooth = isotonic_regression(values, increasing=direction == "maximize").x
    return float((1 - np.minimum((smooth - start) / (target - start), 1.0)).sum())


def gradient_stability(norms: np.ndarray, clip_norm: float) -> dict[str, float]:
    """Coefficient of variation, share of explosions and share clipped of the gradient norms (steps,) of a whole run.

    A step explodes when its norm is over 10 times the median of the last 100 steps, itself included; or when that
    median has grown to over 10 times its lowest so far and beyond where it began, however smoothly.
    """
    if not len(norms):
        return {}
    window = 100
    padded = np.concatenate([np.full(window - 1, np.nan), norms])
    before = np.lib.stride_tricks.sliding_window_view(padded, window)
    medians = np.nanmedian(before, axis=1)
    began = medians[min(window, max(1, len(norms) // 10)) - 1]
    grown = (medians > EXPLOSION * np.minimum.accumulate(medians)) & (medians > began)
    mean = float(norms.mean())
    return {
        "gradient_cv": float(norms.std()) / mean if mean > 0 else 0.0,
        "explosion_share": float(((norms > EXPLOSION * medians) | grown).mean()),
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
        "absolute_fluctuation": fluctuation(entropy, log=False),
        "score_fluctuation": fluctuation(curves.get("val/weighted_f1", ()), log=False),
        "gradient_fluctuation": fluctuation(curves.get("grad/classification_norm", ())),
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

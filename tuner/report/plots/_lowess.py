"""LOWESS: a smooth trend through scattered points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def lowess(x: Array, y: Array, at: Array, span: float) -> Array:
    """Locally weighted linear regression of y on x (n,), evaluated at the points `at` (m,); returns (m,).

    Each point's line is fitted to the nearest span * n rows with tricube weights `(1 - (d / h)^3)^3`, h the distance of
    the farthest of them; without robustness iterations. NaN where these rows have one x.
    Source: Cleveland 1979, Robust Locally Weighted Regression and Smoothing Scatterplots.
    """
    nearest = min(len(x), max(2, int(span * len(x) + 1e-10)))
    distance = np.abs(x[None, :] - at[:, None])
    width = np.partition(distance, nearest - 1, axis=1)[:, nearest - 1, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(distance <= width, np.clip(1 - (distance / width) ** 3, 0, None) ** 3, 0.0)
        weight /= weight.sum(1, keepdims=True)
        mean_x, mean_y = weight @ x, weight @ y
        off = x[None, :] - mean_x[:, None]
        slope = (weight * off * (y[None, :] - mean_y[:, None])).sum(1) / (weight * off**2).sum(1)
        trend: Array = mean_y + slope * (at - mean_x)
    return trend

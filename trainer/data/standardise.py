"""What a column is divided by, and what then still sticks out. Statistics are those of the training rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import TRAIN, Dataset

FAR = 100.0
"""Standard deviations beyond which a value is reported."""
ROUNDING = 1e-6
"""A deviation below this share of a column's size is rounding in float32."""
ALONE = 200
"""One training row in so many may differ, and the column still counts as nearly constant."""


def statistics(x: NDArray[np.float32], train: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and scale (D,) of the columns of x (n, D) over the rows `train`; (x - mean) / scale is what is trained on.

    A column that is constant in train, or nearly so while other rows lie far away, carries nothing that could be
    learned and would drown everything else elsewhere: its scale is infinite, so that it becomes 0 in all rows.
    """
    mean = x[train].mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = x[train].std(axis=0, dtype=np.float64).astype(np.float32)
    others = np.setdiff1d(np.arange(len(x)), train, assume_unique=True)
    away = np.abs(x[others] - mean).max(axis=0, initial=0.0)
    scale[scale <= ROUNDING * np.maximum(np.abs(mean), away)] = np.inf
    within = np.abs(x[train] - mean).max(axis=0, initial=0.0)
    for column in np.flatnonzero(away > np.maximum(FAR * scale, 10 * within)):
        commonest = np.unique(x[train, column], return_counts=True)[1].max()
        if commonest >= len(train) - max(1, len(train) // ALONE):
            scale[column] = np.inf
    return mean, scale


@dataclass(frozen=True, slots=True)
class Odd:
    """What a standardised view holds that a reader should know of."""

    view: str
    idle: list[int]
    """columns that are set to 0 since they hardly vary in train, and vary in other rows"""
    far: list[int]
    """columns with values beyond FAR standard deviations in other rows"""
    rows: int
    """rows with such values"""
    largest: float
    """of these values, in standard deviations"""

    @property
    def text(self) -> str:
        """In words."""
        said = []
        if self.idle:
            said.append(
                f"{_columns(self.idle)} hardly vary in the training rows and do elsewhere; they are set to 0 everywhere"
            )
        if self.far:
            said.append(
                f"{_columns(self.far)} have values of up to {self.largest:.3g} standard deviations of the training "
                f"rows in {self.rows} rows of validation and test, which can drown everything else there"
            )
        return f"view {self.view!r}: {'; '.join(said)}"


def odd(data: Dataset) -> list[Odd]:
    """Views with such columns, in their order."""
    train = data.rows(TRAIN)
    others = np.flatnonzero(data.split != TRAIN)
    found = []
    for name, x in data.views.items():
        mean, scale = statistics(x, train)
        away = np.abs(x[others] - mean)
        idle = np.flatnonzero(np.isinf(scale) & (away.max(axis=0, initial=0.0) > ROUNDING * np.abs(mean)))
        beyond = away > np.maximum(FAR * scale, 2 * np.abs(x[train] - mean).max(axis=0))
        far = np.flatnonzero(beyond.any(axis=0))
        if len(idle) or len(far):
            largest = float((away[:, far] / scale[far]).max(initial=0.0))
            found.append(Odd(name, idle.tolist(), far.tolist(), int(beyond.any(axis=1).sum()), largest))
    return found


def _columns(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:6])) + (" ..." if len(numbers) > 6 else "")
    return f"{len(numbers)} columns ({shown})" if len(numbers) > 1 else f"1 column ({shown})"

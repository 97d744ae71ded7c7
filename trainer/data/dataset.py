"""The prepared data, as every other part of the project sees it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLIT_NAMES = ("train", "validation", "test")
UNLABELLED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Checked, split, not standardised data of n rows, D columns over all views, and C classes.

    views        float32 (n, d_v) by view name; the order of the names is the order of the columns of `matrix`
    labels       int64 (n,), contiguous 0..C-1; -1 is unlabelled (or hidden, in train only)
    split        int8 (n,): 0 train, 1 validation, 2 test
    dialogue     int64 (n,) any ids, rows of a dialogue in order; None where rows are independent
    speaker      int64 (n,) any ids, or None
    label_names  C names; only classes that occur in the data
    fingerprint  16 hex digits of the raw content; the same for every seed and share of hidden labels
    fixed_split  the data itself says which rows are test
    terms        terms of use and origin, "" where unknown
    """

    name: str
    views: dict[str, NDArray[np.float32]]
    labels: NDArray[np.int64]
    split: NDArray[np.int8]
    dialogue: NDArray[np.int64] | None
    speaker: NDArray[np.int64] | None
    label_names: tuple[str, ...]
    fingerprint: str
    fixed_split: bool
    terms: str = ""

    @property
    def n(self) -> int:
        """Number of rows, over all splits, labelled or not."""
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        return len(self.label_names)

    @property
    def width(self) -> int:
        """Number of columns D over all views."""
        return sum(view.shape[1] for view in self.views.values())

    def rows(self, split: int) -> NDArray[np.int64]:
        """Ascending row indices of TRAIN, VALIDATION or TEST, unlabelled rows included."""
        return np.flatnonzero(self.split == split).astype(np.int64)

    def matrix(self) -> NDArray[np.float32]:
        """All views side by side, a fresh float32 array (n, D)."""
        return np.concatenate(list(self.views.values()), axis=1)

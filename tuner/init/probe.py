"""What a linear model reads off one view: does it carry the labels, and does it carry them only where it should not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data import Dataset
from trainer.data.dataset import TEST, TRAIN, UNLABELLED, VALIDATION

MOST_ROWS = 5000
"""Training rows that a probe is fitted on, drawn at random: more would not change what it shows."""
LEAK_GAP, LEAK_ERRORS = 0.15, 4.0
"""A view leaks where validation is this far above test, and by so many standard errors."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Balanced accuracy (mean recall over the classes that both parts have) of a linear model on one view."""

    validation: float
    test: float
    error: float
    """standard error of validation minus test; rows of a dialogue count as one draw"""
    chance: float
    """one over the number of classes compared"""

    @property
    def leaks(self) -> bool:
        """Whether the view carries the labels of train and validation, but not in the same measure those of test."""
        gap = self.validation - self.test
        return gap > LEAK_GAP and gap > LEAK_ERRORS * self.error


def probe(data: Dataset, view: str) -> Probe | None:
    """Fit on the labelled training rows, score on validation and test; None where these have no class in common."""
    from sklearn.linear_model import RidgeClassifierCV

    x = data.views[view].astype(np.float64)
    train = _labelled(data, TRAIN)
    common = np.intersect1d(data.labels[_labelled(data, VALIDATION)], data.labels[_labelled(data, TEST)])
    if not len(common) or len(np.unique(data.labels[train])) < 2:
        return None
    if len(train) > MOST_ROWS:
        train = np.sort(np.random.default_rng(0).choice(train, MOST_ROWS, replace=False))
    mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    x = (x - mean) / np.where(scale > 1e-6 * np.abs(mean), scale, np.inf)
    # Balanced, since a rare class would else never be named and its recall show nothing.
    model = RidgeClassifierCV(alphas=(1.0, 10.0, 100.0, 1e3, 1e4), class_weight="balanced").fit(
        x[train], data.labels[train]
    )
    scores, errors = [], []
    for part in (VALIDATION, TEST):
        rows = _labelled(data, part)
        rows = rows[np.isin(data.labels[rows], common)]
        right = model.predict(x[rows]) == data.labels[rows]
        groups = rows if data.dialogue is None else data.dialogue[rows]
        score, error = balanced_accuracy(right, data.labels[rows], groups)
        scores.append(score)
        errors.append(error)
    return Probe(scores[0], scores[1], math.hypot(*errors), 1 / len(common))


def balanced_accuracy(
    right: NDArray[np.bool_], labels: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[float, float]:
    """Mean recall over the classes in `labels`, and its standard error with whole groups as draws; all (n,).

    The error is that of a linearised ratio: each row's influence is (right - recall of its class) / (classes * rows of
    its class), summed over each group.
    """
    classes, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    recall = np.bincount(place, right) / counts
    influence = (right - recall[place]) / (len(classes) * counts[place])
    _, group = np.unique(groups, return_inverse=True)
    return float(recall.mean()), float(np.sqrt(np.square(np.bincount(group, influence)).sum()))


def _labelled(data: Dataset, part: int) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = data.rows(part)
    return np.extract(data.labels[rows] != UNLABELLED, rows)

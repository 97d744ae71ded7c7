"""What a study of some data should look like, with the reason for each choice. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuner.init.measure import Measured

SEARCHED = (0.01, 0.1)
"""The recommendation's range of encoder_loss_weight; every guess holds it, and with it the baseline and the plans."""
SMALLEST, LARGEST = 0.01, 2.0
"""Gradient of the reconstruction as a share of that of the classification, at the ends of the guessed range."""
SATURATED = 0.75
"""The gate term where all three gates are at 0 or 1: its largest value."""
IMBALANCED = 3.0
"""Largest over smallest class from which on class weights are searched."""
KEPT = 0.35
"""Share of the epochs that pruning leaves, in studies of some forty trials and more."""
MOST_TRIALS, FEWEST_TRIALS = 100, 20
MOST_EPOCHS, FEWEST_EPOCHS = 50, 20


@dataclass(frozen=True, slots=True)
class Range:
    """Ends of a log range, each with one digit."""

    low: float
    high: float


def weight_range(measured: Measured) -> Range:
    """Where encoder_loss_weight is worth searching: from a reconstruction that hardly pulls to one that leads."""
    balanced = measured.balanced_weight
    if not math.isfinite(balanced):
        return Range(*SEARCHED)
    return Range(min(one_digit(SMALLEST * balanced), SEARCHED[0]), max(one_digit(LARGEST * balanced), SEARCHED[1]))


def gate_range(measured: Measured) -> Range:
    """Up to where gates that are all saturated cost as much as the classification does at first; down to a thousandth.

    Holds the baseline's and the plans' 0.01.
    """
    high = max(one_digit(measured.classification / SATURATED), 0.1)
    return Range(min(one_digit(high / 1000), 0.001), high)


@dataclass(frozen=True, slots=True)
class Budget:
    """How long trials are and how many there are."""

    epochs: int
    trials: int
    workers: int
    minutes: float
    """what the study is going to take, about"""


def budget(seconds: float, workers: int, minutes: float) -> Budget:
    """Trials and epochs for a study of about `minutes`: fewer epochs before fewer trials than twenty.

    seconds: an epoch of one trial. Four trials (the baseline and the plans) and three replicates are never pruned.
    """
    available = minutes * 60 * workers / seconds

    def cost(trials: int, epochs: int) -> float:
        return epochs * (7 + KEPT * max(trials - 4, 0))

    for epochs in (MOST_EPOCHS, 40, 30, FEWEST_EPOCHS):
        trials = min(MOST_TRIALS, int(4 + (available / epochs - 7) / KEPT))
        if trials >= 2 * FEWEST_TRIALS or (epochs == FEWEST_EPOCHS and trials >= FEWEST_TRIALS):
            trials -= trials % 5
            break
    else:
        epochs, trials = FEWEST_EPOCHS, FEWEST_TRIALS
    return Budget(epochs, trials, workers, cost(trials, epochs) * seconds / workers / 60)


def one_digit(value: float) -> float:
    """The nearest number with one significant digit."""
    return float(f"{value:.0e}")

"""Rules over curves: what looks wrong with a study, and what to check. Pure functions, no storage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median, stdev

from trainer.convergence import fluctuation
from tuner.report.luck import luck_bound, luckiest_lead
from tuner.storage.record import Finding

FALL = 0.98
"""A training loss that never gets below this share of its first value has not fallen."""
WOBBLE = 0.15
"""Fluctuation of the log of the validation loss above which it counts as unsteady: 15% up and down."""
REFERENCE_LEAD = 0.05
"""So far above the best trial, in F1, a logistic regression shows that something else than the loss is wrong."""
LEAK_VALIDATION, LEAK_GAP = 0.98, 0.15
"""Validation F1 that is too good for the first epochs, and the distance to test that makes it suspicious."""


@dataclass(frozen=True, slots=True)
class Run:
    """A completed trial as the rules see it; curves by epoch."""

    value: float
    """the objective"""
    train_loss: Sequence[float]
    """train/cross_entropy"""
    validation_loss: Sequence[float]
    """val/cross_entropy"""
    validation_f1: Sequence[float]
    """val/weighted_f1"""
    test_f1: float
    """test/weighted_f1"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the rules look at."""

    runs: Sequence[Run]
    """completed trials"""
    best: Run
    trials: int
    """trials tried, pruned ones included"""
    maximise: bool = True
    baseline_values: Sequence[float] = field(default=())
    """the baseline's objective under several seeds, its own trial included"""
    reference: float = math.nan
    """what a logistic regression reaches in the objective; NaN where it does not have that"""
    remarks: Sequence[str] = field(default=())
    """what is odd about columns of the data"""


def diagnose(evidence: Evidence) -> list[Finding]:
    """Everything that the rules find."""
    rules = (
        odd_columns,
        reference_leads,
        loss_does_not_fall,
        loss_fluctuates,
        validation_does_not_improve,
        leak,
        no_knob_matters,
    )
    return [found for rule in rules if (found := rule(evidence))]


def odd_columns(evidence: Evidence) -> Finding | None:
    """Columns that hardly vary in train and do elsewhere, or lie far away there."""
    if not evidence.remarks:
        return None
    return Finding(
        "odd_columns",
        "; ".join(evidence.remarks),
        "how these columns were made: a sensor that was off, another unit, a rare category; leave them out, or clip "
        "them, if they are not meant",
    )


def reference_leads(evidence: Evidence) -> Finding | None:
    """A logistic regression is far better than every trial."""
    lead = (evidence.reference - evidence.best.value) * (1 if evidence.maximise else -1)
    if not lead > REFERENCE_LEAD:
        return None
    return Finding(
        "reference_leads",
        f"a logistic regression on the same features reaches {evidence.reference:.4f}, the best trial "
        f"{evidence.best.value:.4f}: the model does not use what the features hold",
        "extreme values in the features (tuner data FILE), the learning rate, the epochs, the size of the model, "
        "before any weight of the loss",
    )


def loss_does_not_fall(evidence: Evidence) -> Finding | None:
    """Most runs end with a training cross-entropy where they began."""
    stuck = [run for run in evidence.runs if len(run.train_loss) > 1 and min(run.train_loss) > FALL * run.train_loss[0]]
    if 2 * len(stuck) <= len(evidence.runs):
        return None
    return Finding(
        "loss_does_not_fall",
        f"the training cross-entropy does not fall in {len(stuck)} of {len(evidence.runs)} completed trials",
        "the learning rate (try 3 times more and 3 times less), the weights (does one term drown the others? see "
        "weighted/ in MLflow), the loss function",
    )


def loss_fluctuates(evidence: Evidence) -> Finding | None:
    """The validation cross-entropy of the typical run goes up and down from epoch to epoch."""
    wobbles = [w for run in evidence.runs if math.isfinite(w := fluctuation(run.validation_loss))]
    if not wobbles or median(wobbles) <= WOBBLE:
        return None
    return Finding(
        "loss_fluctuates",
        f"the validation cross-entropy moves by {median(wobbles):.0%} around its trend from epoch to epoch",
        "smooth_l1 for outliers in the features, the balance of the weights, data quality, a larger batch or a "
        "smaller learning rate",
    )


def validation_does_not_improve(evidence: Evidence) -> Finding | None:
    """The best run is best at its very start and its validation loss rises from there."""
    loss = list(evidence.best.validation_loss)
    if len(loss) < 5:
        return None
    lowest = min(range(len(loss)), key=loss.__getitem__)
    late = loss[-1] / max(loss[lowest], 1e-12)
    if lowest >= 0.3 * len(loss) or late < 1.15:
        return None
    return Finding(
        "validation_does_not_improve",
        f"the best trial's validation cross-entropy is lowest at epoch {lowest + 1} of {len(loss)} and ends "
        f"{late - 1:.0%} higher",
        "overfitting (more dropout or weight decay, fewer epochs, early_stopping), the balance of the weights, "
        "the capacity of the model",
    )


def leak(evidence: Evidence) -> Finding | None:
    """Validation is perfect at once while test is far below: the features know the labels of train and validation."""
    curve = evidence.best.validation_f1
    early = curve[: max(1, round(0.2 * len(curve)))]
    gap = max(curve, default=0.0) - evidence.best.test_f1
    if not early or max(early) < LEAK_VALIDATION or not gap > LEAK_GAP:
        return None
    return Finding(
        "labels_leaked",
        f"validation weighted F1 reaches {max(early):.3f} within {len(early)} epochs while test is {gap:.2f} below: "
        "labels have probably leaked into the features of train and validation",
        "how the features were made (fitted with labels?), rows that repeat across splits; use a split by speaker "
        "or source. Until then no comparison on this data means anything",
    )


def no_knob_matters(evidence: Evidence) -> Finding | None:
    """The best trial leads the baseline by no more than luck can: by `luck_bound`, which one study in 20 exceeds.

    The values of the baseline are few, and say little of how far the best of many others gets: see `luck_bound`. The
    lead that is told is the expected one.
    """
    values = evidence.baseline_values
    if len(values) < 3 or evidence.trials < 2:
        return None
    sigma, n = stdev(values), len(values)
    lead = (evidence.best.value - mean(values)) * (1 if evidence.maximise else -1)
    furthest = sigma * luck_bound(evidence.trials, n)
    if lead > furthest:
        return None
    text = f"no trial beats the baseline's mean over {n} seeds ({mean(values):.4f})"
    if lead > 0:
        text = (
            f"the best trial leads the baseline's mean over {n} seeds by {lead:.4f}; the luckiest of "
            f"{evidence.trials} runs that differ by seed alone would lead by about "
            f"{sigma * luckiest_lead(evidence.trials, n):.4f}, and as far as {n} seeds can tell by up to "
            f"{furthest:.4f} (one seed's deviation is {sigma:.4f})"
        )
    return Finding(
        "no_knob_matters",
        text,
        "keep the baseline, unless a comparison over fresh seeds says otherwise",
    )

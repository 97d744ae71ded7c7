"""A short training of the baseline: how large the terms of the loss are on this data, and how long an epoch takes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.data import Dataset

EPOCHS = 3
SECONDS = 30.0
"""No further epoch is begun after so long."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the short run showed."""

    seconds: float
    """an epoch, evaluation included, of one trial on one core or GPU: the fastest of those run"""
    epochs: int
    classification: float
    """the classification loss at first; ln C is chance"""
    reconstruction: float
    """the reconstruction term at first, as configured in the baseline"""
    balanced_weight: float
    """the encoder_loss_weight at which the reconstruction's gradient on the shared encoders is as long as that of the
    classification; NaN where it could not be measured"""


def measure(data: Dataset, device: str) -> Measured:
    """Train the baseline for a few epochs; nothing of it is kept."""
    import torch

    from trainer.population import Population
    from trainer.tensors import to_tensors

    if device == "cpu":
        torch.set_num_threads(1)  # as a worker trains
    model, baseline = ModelConfig(), LossConfig()
    tensors = to_tensors(data, model, device)
    population = Population([baseline], tensors, model, TrainingConfig(conflict_every=5), seed=0)
    times: list[float] = []
    metrics = []
    begun = time.monotonic()
    while len(times) < EPOCHS and (not times or time.monotonic() - begun < SECONDS):
        start = time.monotonic()
        (report,) = population.run_epoch()
        times.append(time.monotonic() - start)
        metrics.append(report.metrics)
    ratios = [m["grad/effective_weight"] for m in metrics if m.get("grad/effective_weight", 0.0) > 0]
    effective = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
    return Measured(
        seconds=min(times),
        epochs=len(times),
        classification=metrics[0]["loss/classification"],
        reconstruction=metrics[0]["loss/reconstruction"],
        balanced_weight=baseline.encoder_loss_weight / effective,
    )

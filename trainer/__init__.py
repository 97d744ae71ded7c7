"""Trains. Imports torch where it must; knows nothing of Optuna or MLflow."""

from __future__ import annotations

import json
import os
from typing import SupportsFloat

DISTRIBUTION = "loss-weight-tuner"
"""Whose `trainer` this is: PyPI has others."""


def report(*, epoch: int, **metrics: SupportsFloat) -> None:
    """Tell the tuner what an epoch measured, from a training script of one's own; does nothing outside of a trial.

    epoch: counted from 0 or 1; metrics: numbers, or tensors of one element. Call it in one process only, where
    several train together. Other names than Python's go by `report(epoch=3, **{"val/weighted_f1": 0.7})`.
    """
    path = os.environ.get("TUNER_REPORT")
    if path:
        line = json.dumps({"epoch": int(epoch), **{name: float(value) for name, value in metrics.items()}})
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

"""What a training run leaves behind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from trainer.knobs import Config
from trainer.metrics import EpochReport


@dataclass(slots=True)
class Result:
    """What became of one member."""

    config: Config
    state: Literal["complete", "stopped", "diverged"] = "complete"
    """complete: trained to its end or to early stopping; stopped: the report's receiver ended it; diverged"""
    reason: str = ""
    """why it was not completed"""
    curves: dict[str, list[float]] = field(default_factory=dict)
    """each metric by epoch; NaN where an epoch did not measure it"""
    best_epoch: int = 0
    """best epoch on validation, from 1; 0 if there was none"""
    best_value: float = float("nan")
    """the objective at that epoch"""
    test: dict[str, float] = field(default_factory=dict)
    """test scores at the best epoch, measured once, for completed members"""
    measures: dict[str, float] = field(default_factory=dict)
    """convergence measures, for completed members"""
    model: dict[str, Tensor] = field(default_factory=dict)
    """the model's state at the best epoch, for completed members"""
    norms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """gradient norm of every step, for completed members"""
    log: Path | None = None
    """what a script said, where a script trained"""
    last: int = 0
    """the last epoch of a script, where curves hold only those that it reported; 0 where they hold all"""
    notes: list[str] = field(default_factory=list)
    """what a reader should know of how a script's metrics were read, in sentences"""
    wrote: list[str] = field(default_factory=list)
    """files that a script made or changed in a folder that its trials share"""

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return self.last or max((len(curve) for curve in self.curves.values()), default=0)

    def record(self, report: EpochReport) -> None:
        """Add one epoch to the curves."""
        for name in [*self.curves, *(name for name in report.metrics if name not in self.curves)]:
            curve = self.curves.setdefault(name, [math.nan] * (report.epoch - 1))
            curve.append(report.metrics.get(name, math.nan))

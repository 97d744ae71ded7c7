"""What a study may optimise: a yardstick on the validation rows, never a weighted loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.errors import InputError, unknown

DIRECTIONS = {
    "val/weighted_f1": "maximize",
    "val/macro_f1": "maximize",
    "val/accuracy": "maximize",
    "val/cross_entropy": "minimize",
    "val/mse": "minimize",
    "val/mae": "minimize",
}


@dataclass(frozen=True, slots=True)
class Objective:
    """A measured metric and its direction."""

    metric: str = "val/weighted_f1"
    reported: str = ""
    """direction of a metric that a script reports, whatever it is called; nothing for a yardstick of the trainer's"""

    def __post_init__(self) -> None:
        if self.reported:
            return
        name = self.metric if "/" in self.metric else f"val/{self.metric}"
        if name not in DIRECTIONS:
            if name.startswith(("loss/", "weighted/")) or name.removeprefix("val/") in _LOSSES:
                raise InputError(
                    f"objective {self.metric!r} is a weighted loss, which falls when a weight falls, whatever the "
                    f"model does: it would reward small weights. Choose one of: {', '.join(DIRECTIONS)}"
                )
            raise InputError(unknown("objective", self.metric, DIRECTIONS))
        object.__setattr__(self, "metric", name)

    @property
    def direction(self) -> str:
        """maximize or minimize"""
        return self.reported or DIRECTIONS[self.metric]

    def of(self, metrics: Mapping[str, float]) -> float:
        """The objective among the metrics of an epoch. Raises InputError where it was not measured."""
        if self.metric not in metrics:
            there = [name for name in DIRECTIONS if name in metrics]
            raise InputError(f"objective {self.metric!r} is not measured on this model; measured: {', '.join(there)}")
        return metrics[self.metric]

    def better(self, a: float, b: float) -> bool:
        """Whether value a is strictly better than value b."""
        return a > b if self.direction == "maximize" else a < b


_LOSSES = {
    "loss",
    "total",
    "total_loss",
    "weighted_loss",
    "weighted_total",
    "train_loss",
    "val_loss",
    "loss_total",
}

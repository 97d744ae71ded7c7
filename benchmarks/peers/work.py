"""What all contenders are given: the same data, model, knobs, first trials, epochs and number of trials."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

METRIC = "weighted_f1"
"""What is maximised on validation; each contender logs it to MLflow once an epoch, with `val/` or `val_` before it."""
EXPERIMENT = "peers"


@dataclass(frozen=True)
class Work:
    """One piece of work, as every contender gets it."""

    source: str
    """data source: htad or npz"""
    path: str | None
    """the data file, for npz"""
    trials: int
    epochs: int
    seed: int
    """of the split, the initial weights and the sampler"""
    processes: int
    """trials at a time, each on one thread"""

    @classmethod
    def read(cls, file: Path) -> Work:
        return cls(**json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs of search_spaces/quickstart.yaml, as one writes them for Optuna (a test compares the two)."""
    knobs: dict[str, Any] = {
        "reconstruction_loss": trial.suggest_categorical("reconstruction_loss", ["mse", "smooth_l1"]),
        "encoder_loss_weight": trial.suggest_float("encoder_loss_weight", 0.01, 0.1, log=True),
        "gate_reg_weight": trial.suggest_float("gate_reg_weight", 0.0, 0.05),
        "classification_loss": trial.suggest_categorical("classification_loss", ["cross_entropy", "focal"]),
        "weighting": trial.suggest_categorical("weighting", ["fixed", "warmup", "ema_inverse"]),
    }
    if knobs["classification_loss"] == "focal":
        knobs["focal_gamma"] = trial.suggest_float("focal_gamma", 0.5, 4.0)
    if knobs["weighting"] == "warmup":
        knobs["warmup_epochs"] = trial.suggest_int("warmup_epochs", 1, 10)
    return knobs


_BASELINE = {
    "encoder_loss_weight": 0.05,
    "reconstruction_loss": "mse",
    "gate_reg_weight": 0.01,
    "classification_loss": "cross_entropy",
    "weighting": "fixed",
}
_BASIC = {**_BASELINE, "encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1"}
FIRST: tuple[dict[str, Any], ...] = (
    _BASELINE,
    _BASIC,
    {**_BASIC, "weighting": "ema_inverse"},
    {**_BASIC, "weighting": "ema_inverse", "classification_loss": "focal", "focal_gamma": 2.0},
)
"""The baseline and the plans of a study of ours, which everyone tries first (a test compares them)."""

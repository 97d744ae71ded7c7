"""The baseline again under other seeds: what a result moves by when nothing but chance differs.

Each is a training with a checkpoint of its own. Where members of several seeds can share a model they train beside the
baseline's trial, else after it; the trial ends when all have ended. What has ended is kept with the trial.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trainer.knobs import Config
from trainer.resume import State
from trainer.train import Result
from tuner import lease
from tuner.attempt import AWAY, Running
from tuner.checkpoint import Checkpoint, Found
from tuner.patience import impatient

KEPT = "replicates"
"""User attribute of the baseline's trial: value and epochs of each replicate that has ended, by its number from 1."""


@dataclass(slots=True, eq=False)
class Replicate:
    """One of them."""

    of: Running
    number: int
    """from 1"""
    seed: int
    checkpoint: Checkpoint
    found: Found | None
    """what it goes on from"""
    epoch: int = 0
    """the last one that a checkpoint has"""

    @property
    def config(self) -> Config:
        """The baseline."""
        return self.of.config

    @property
    def label(self) -> str:
        """For what a script writes."""
        return f"{self.of.label}-replicate-{self.number}"

    def save(self, state: State) -> None:
        """Write where it stands."""
        self.epoch = state["epoch"]
        self.checkpoint.write([state])

    def end(self, result: Result) -> None:
        """Keep what became of it with the trial."""
        ended = {**self.of.trial.user_attrs.get(KEPT, {}), str(self.number): [result.best_value, result.epochs]}
        self.of.trial.set_user_attr(KEPT, ended)
        self.checkpoint.remove()


def seed(of_study: int, number: int) -> int:
    """The seed of a replicate, far from the study's own."""
    return of_study + 1_000_003 * number


def left(r: Running, count: int) -> list[int]:
    """Numbers of the replicates that have not ended, of `count`."""
    ended = r.trial.user_attrs.get(KEPT, {})
    return [number for number in range(1, count + 1) if str(number) not in ended]


def come_along(r: Running) -> None:
    """Let the storage know how far they are: a trial that comes along is not given up when its worker dies."""
    with impatient(), suppress(*AWAY):
        ended = sum(epochs for _, epochs in r.trial.user_attrs.get(KEPT, {}).values())
        r.trial.set_user_attr(lease.BEYOND, ended + sum(one.epoch for one in r.replicates))


def found(r: Running) -> dict[str, Any]:
    """Their finite values, in order, and the epochs they took."""
    ended = r.trial.user_attrs.get(KEPT, {})
    pairs = [ended[number] for number in sorted(ended, key=int)]
    return {"values": [v for v, _ in pairs if math.isfinite(v)], "epochs": int(sum(epochs for _, epochs in pairs))}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and sample standard deviation of at least two values; empty for fewer."""
    if len(values) < 2:
        return {}
    return {"mean": statistics.fmean(values), "std": statistics.stdev(values)}

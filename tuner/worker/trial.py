"""One worker's attempt at a trial: where it goes on from, and what is still to be told about it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from trainer.knobs import Config
from trainer.result import Result
from trainer.resume import State, epoch_metrics
from tuner.storage.record import ReplicateResult, Replicates, TrialRecord, write_beyond, write_replicate
from tuner.system.waiting import find, impatient
from tuner.worker.checkpoint import Checkpoint, Found

AWAY = (SQLAlchemyError, StorageInternalError, OSError, UpdateFinishedTrialError)
"""What a storage raises that cannot be reached, or that has moved on."""
PAUSE = 5.0
"""Seconds between two attempts to report while the storage cannot be reached; the training goes on meanwhile."""


@dataclass(slots=True)
class Reports:
    """A trial's values on their way to the storage."""

    trial: Trial
    reported: int = field(init=False)
    """last step that the storage has a value of, from this worker or one before"""
    steps: set[int] = field(default_factory=set)
    """all steps that have a value, written or not"""
    waiting: dict[int, float] = field(default_factory=dict)
    not_before: float = 0.0

    def __post_init__(self) -> None:
        self.steps = set(self.trial.storage.get_trial(self.trial._trial_id).intermediate_values)
        self.reported = max(self.steps, default=0)

    def add(self, step: int, value: float) -> None:
        """Keep a value, unless the storage has one of that step."""
        self.steps.add(step)
        if step > self.reported:
            self.waiting.setdefault(step, value)

    def write(self, *, wait: bool = False) -> None:
        """Write what was kept. While the storage cannot be reached it stays kept, unless told to wait for it."""
        if not wait and time.monotonic() < self.not_before:
            return
        while self.waiting:
            step = min(self.waiting)
            try:
                with nullcontext() if wait else impatient():
                    self.trial.report(self.waiting[step], step)
            except Exception as error:
                trouble = None if wait else find(error)
                if trouble is None:
                    raise
                if trouble.full:
                    wait = True  # nothing can be kept: to train on would be for nothing
                    continue
                self.not_before = time.monotonic() + PAUSE
                return
            del self.waiting[step]
            self.reported = step


@dataclass(slots=True, eq=False)
class Running:
    """A claimed trial while it trains."""

    trial: Trial
    config: Config
    seed: int
    run_id: str
    checkpoint: Checkpoint
    found: Found | None
    """what the trial goes on from; None where it starts at the beginning"""
    replicates: list[Replicate] = field(default_factory=list)
    """the same under other seeds, those that have not ended"""
    result: Result | None = None
    """what became of its training, once that is over"""
    reports: Reports = field(init=False)
    times: list[int] = field(init=False)
    """when each epoch ended, in milliseconds since 1970"""

    def __post_init__(self) -> None:
        self.reports = Reports(self.trial)
        self.times = list(self.found.times) if self.found is not None else []

    @property
    def label(self) -> str:
        """For what a script writes."""
        return f"trial-{self.trial.number}"

    @property
    def protected(self) -> bool:
        """The baseline and the plans are never pruned: every study contains its own comparison."""
        return TrialRecord.of(self.trial).plan is not None

    @property
    def stage(self) -> tuple[bool, int]:
        """Whether it had ended, and after which epoch it goes on: trials of one stage can be trained together."""
        if self.found is None:
            return False, 0
        ended = "training" not in self.found.states[0]
        return ended, 0 if ended else self.found.epoch

    def restored(self) -> Iterator[tuple[int, dict[str, float], int]]:
        """Epoch, metrics and time of each epoch that the checkpoint holds."""
        for epoch, when in enumerate(self.times, start=1):
            if self.found is not None:
                yield epoch, epoch_metrics(self.found.states[0], epoch), when

    def ended(self, epoch: int) -> int:
        """Note that an epoch has ended; returns when."""
        while len(self.times) < epoch:
            self.times.append(int(time.time() * 1000))
        return self.times[epoch - 1]


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
        write_replicate(self.of.trial, self.number, ReplicateResult(result.best_value, result.epochs))
        self.checkpoint.remove()


def replicate_seed(of_study: int, number: int) -> int:
    """The replicate_seed of a replicate, far from the study's own."""
    return of_study + 1_000_003 * number


def replicates_left(record: TrialRecord, count: int) -> list[int]:
    """Numbers of the replicates that have not ended, of `count`."""
    return [number for number in range(1, count + 1) if number not in record.replicates]


def come_along(r: Running) -> None:
    """Let the storage know how far they are: a trial that comes along is not given up when its worker dies."""
    with impatient(), suppress(*AWAY):
        ended = replicates_ended(TrialRecord.of(r.trial)).epochs
        write_beyond(r.trial, ended + sum(one.epoch for one in r.replicates))


def replicates_ended(record: TrialRecord) -> Replicates:
    """The finite values of those that have ended, in order, and the epochs that all of them took."""
    ended = [one for _, one in sorted(record.replicates.items())]
    return Replicates([one.value for one in ended if math.isfinite(one.value)], sum(one.epochs for one in ended))


Member = Running | Replicate


@dataclass(slots=True)
class Attempt:
    """Trials that one worker has claimed, and how far it is with them."""

    trials: list[Trial]
    """all that it has claimed"""
    running: list[Running] = field(default_factory=list)
    """those that were started"""
    finished: set[int] = field(default_factory=set)
    """ids of those that are over, for this worker"""
    states: list[TrialState] = field(default_factory=list)
    """how those ended that are still this worker's"""

    def unfinished(self) -> list[Trial]:
        """Those that are under way."""
        return [trial for trial in self.trials if trial._trial_id not in self.finished]


def stages(running: list[Running], *, mixed: bool = False) -> list[list[Running]]:
    """Trials in groups that can be trained side by side, in their order; mixed: after different epochs too."""
    groups: dict[Any, list[Running]] = {}
    for r in running:
        groups.setdefault(r.stage[0] if mixed else r.stage, []).append(r)
    return list(groups.values())

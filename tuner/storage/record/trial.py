"""What a trial of a search keeps in the storage. Only this file knows the names under which it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial


from trainer.knobs import Config
from tuner.spec.model import Spec
from tuner.storage.record import naming

BASELINE = "baseline"
"""The plan that every study begins with."""
WEIGHTED_F1 = "test/weighted_f1"

_PLAN, _ORIGIN, _OVERRIDES = "plan", "from", "overrides"
_RUN, _CONFIG, _TITLE, _RESULT, _REPLICATES = "run_id", "config", "name", "result", "replicates"
OWNER, BEAT, CRASHES, BEYOND = "worker", "lease", "crashes", "epochs_beyond"
"""Of the lease: who has the trial, a number that its owner keeps changing, how often its worker died, and epochs of
further trainings that belong to it and report nothing."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The trial of an earlier study whose config this one tries again."""

    study: str
    trial: int
    value: float
    """its objective there"""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of a trial that has ended."""

    epochs: int | None = None
    """trained; None in a trial that has no result"""
    best_epoch: int | None = None
    reason: str = ""
    """why it was pruned or failed"""
    test: Mapping[str, float] = field(default_factory=dict)
    """test scores at the best epoch"""
    measures: Mapping[str, float] = field(default_factory=dict)
    """how it converged"""
    curves: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """a value an epoch, None where one is not finite"""
    traceback: str = ""
    """of a trial that failed"""
    notes: Sequence[str] = ()
    """how the metrics of a script were read, where a reader should know"""
    wrote: Sequence[str] = ()
    """files that a script made or changed in a folder that trials share"""

    def curve(self, metric: str) -> list[float]:
        """A kept curve by epoch, NaN where an epoch has no value; empty where it was not kept."""
        return [math.nan if value is None else float(value) for value in self.curves.get(metric, ())]

    def columns(self) -> dict[str, Any]:
        """What is worth a column in a table of trials: epochs, best epoch, reason and one test score."""
        found = {"epochs": self.epochs, "best_epoch": self.best_epoch, "reason": self.reason}
        score = WEIGHTED_F1 if WEIGHTED_F1 in self.test else next(iter(self.test), "")
        return {name: value for name, value in found.items() if value} | ({score: self.test[score]} if score else {})


@dataclass(frozen=True, slots=True)
class ReplicateResult:
    """What became of the baseline under another seed."""

    value: float
    """best value of the objective; not finite where it diverged"""
    epochs: int


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What a trial of a search keeps."""

    plan: str | None = None
    """the baseline or the plan that it is; None for a free trial"""
    origin: Origin | None = None
    """where its config comes from in a warm start"""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """knobs that it sets and the study does not search"""
    run_id: str | None = None
    """its run in MLflow, once it has started"""
    config: Mapping[str, Any] | None = None
    """all its knobs, once it has started"""
    result: TrialResult = field(default_factory=TrialResult)
    """empty until it has ended"""
    replicates: Mapping[int, ReplicateResult] = field(default_factory=dict)
    """of the baseline: those that have ended, by their number from 1"""
    crashed: bool = False
    """whether a worker that had it has died"""

    @classmethod
    def of(cls, trial: FrozenTrial | Trial) -> TrialRecord:
        """Read what a trial keeps; a study of any earlier version is read too."""
        attrs = trial.user_attrs
        origin, replicates = attrs.get(_ORIGIN), attrs.get(_REPLICATES) or {}
        return cls(
            plan=attrs.get(_PLAN),
            origin=Origin(origin["study"], origin["trial"], origin["value"]) if origin else None,
            overrides=attrs.get(_OVERRIDES) or {},
            run_id=attrs.get(_RUN),
            config=attrs.get(_CONFIG),
            result=_result(attrs.get(_RESULT) or {}),
            replicates={int(number): ReplicateResult(*ended) for number, ended in replicates.items()},
            crashed=CRASHES in attrs,
        )

    @property
    def is_baseline(self) -> bool:
        """Whether it is the study's baseline."""
        return self.plan == BASELINE

    @property
    def label(self) -> str | None:
        """What it was enqueued as: a plan, or a config of an earlier study; None if free."""
        return f"from {self.origin.study} #{self.origin.trial}" if self.origin else self.plan

    def title(self, number: int) -> str:
        """A short name of the trial of that number; the number alone until it has started."""
        return f"#{number}" if self.config is None else naming.title(number, self.config, self.label)

    def queued(self) -> dict[str, Any]:
        """The attributes with which it is put into the queue."""
        attrs: dict[str, Any] = {_OVERRIDES: dict(self.overrides)}
        if self.plan is not None:
            attrs = {_PLAN: self.plan, **attrs}
        if self.origin is not None:
            attrs = {_ORIGIN: _fields(self.origin), **attrs}
        return attrs


def _result(kept: Mapping[str, Any]) -> TrialResult:
    known = {name: kept[name] for name in TrialResult.__dataclass_fields__ if kept.get(name) is not None}
    return TrialResult(**known)


def _fields(kept: Any) -> dict[str, Any]:
    return {name: getattr(kept, name) for name in kept.__dataclass_fields__}


def write_started(trial: Trial, run_id: str, config: Mapping[str, Any]) -> None:
    """Keep with what a trial has started: its run in MLflow and all its knobs."""
    trial.set_user_attr(_RUN, run_id)
    trial.set_user_attr(_CONFIG, dict(config))
    trial.set_user_attr(_TITLE, naming.title(trial.number, config, TrialRecord.of(trial).label))


def write_result(trial: Trial, result: TrialResult) -> None:
    """Keep what became of a trial, before Optuna is told that it has ended."""
    kept = _fields(result)
    omitted = {"traceback", "notes", "wrote"}
    trial.set_user_attr(_RESULT, {name: value for name, value in kept.items() if name not in omitted or value})
    # optuna-dashboard shows the result as one long text.
    for name, value in result.columns().items():
        trial.set_user_attr(name, value)


def write_replicate(trial: Trial, number: int, ended: ReplicateResult) -> None:
    """Keep with the baseline's trial what became of a replicate."""
    known = trial.user_attrs.get(_REPLICATES, {})
    trial.set_user_attr(_REPLICATES, {**known, str(number): [ended.value, ended.epochs]})


def write_beyond(trial: Trial, epochs: int) -> None:
    """Keep how many epochs further trainings that belong to the trial have come."""
    trial.set_user_attr(BEYOND, epochs)


def best_of(trials: Sequence[FrozenTrial], direction: str) -> FrozenTrial | None:
    """The best completed one of some trials, the earliest of equals; direction: MAXIMIZE or MINIMIZE."""
    done = [t for t in trials if t.state.name == "COMPLETE" and t.value is not None]
    sign = -1.0 if direction == "MAXIMIZE" else 1.0
    return min(done, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)


def epochs_run(trial: FrozenTrial) -> int:
    """Epochs that a trial was trained."""
    return TrialRecord.of(trial).result.epochs or max(trial.intermediate_values, default=0)


def reason(trial: FrozenTrial) -> str:
    """Why a trial was pruned or failed."""
    return TrialRecord.of(trial).result.reason


def diverged(trial: FrozenTrial) -> bool:
    """Whether a trial was pruned because its training broke down."""
    return trial.state.name == "PRUNED" and reason(trial).startswith("diverged")


def titles(trials: Sequence[FrozenTrial]) -> dict[int, str]:
    """Short names of those that have started, by number."""
    kept = {trial.number: TrialRecord.of(trial) for trial in trials}
    return {number: record.title(number) for number, record in kept.items() if record.config is not None}


def config_of(spec: Spec, trial: FrozenTrial) -> Config:
    """The complete config of a trial that has started."""
    config = TrialRecord.of(trial).config
    assert config is not None, f"trial {trial.number} has not started"
    return spec.vocabulary.config(config)

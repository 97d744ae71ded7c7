"""What a validation and its blocks keep in the storage. Only this file knows the names under which it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.storage.record.study import FORMAT, HasAttributes, Runs, plain

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, Trial

_PLAN, _RUNS, _FINGERPRINT, _VERSIONS = "validation", "mlflow", "data_fingerprint", "versions"
_STATE, _FORMAT = "state_folder", "format"
_BLOCK, _ATTEMPT, _REASON, _ARMS, _TRAINS = "block", "attempt", "reason", "arms", "trains"


@dataclass(frozen=True, slots=True)
class ValidationRecord:
    """What a validation keeps. One that has a plan is whole: the plan is written last."""

    plan: Mapping[str, Any] | None = None
    """as `Plan.as_data` writes it; None in a search"""
    runs: Runs | None = None
    data_fingerprint: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    state_folder: Path | None = None
    """when the paths in the plan were written down"""
    format: int = FORMAT

    @classmethod
    def of(cls, study: HasAttributes) -> ValidationRecord:
        """Read what a validation keeps, with one look at the storage."""
        attrs = study.user_attrs
        return cls(
            plan=attrs.get(_PLAN),
            runs=Runs(attrs[_RUNS]["experiment_id"], attrs[_RUNS]["run_id"]) if attrs.get(_RUNS) else None,
            data_fingerprint=attrs.get(_FINGERPRINT),
            versions=attrs.get(_VERSIONS) or {},
            state_folder=Path(attrs[_STATE]) if attrs.get(_STATE) else None,
            format=attrs.get(_FORMAT, FORMAT),
        )

    @property
    def whole(self) -> bool:
        """Whether it is a validation, made to its end."""
        return self.plan is not None

    def write(self, study: optuna.Study) -> None:
        """Keep all of it, the plan last."""
        study.set_user_attr(_FORMAT, self.format)
        study.set_user_attr(_RUNS, plain(self.runs))
        study.set_user_attr(_FINGERPRINT, self.data_fingerprint)
        study.set_user_attr(_VERSIONS, dict(self.versions))
        study.set_user_attr(_STATE, str(self.state_folder))
        study.set_user_attr(_PLAN, plain(self.plan))


def write_plan(study: optuna.Study, plan: Mapping[str, Any], state_folder: Path) -> None:
    """Keep the same plan with the paths that its files have by now."""
    study.set_user_attr(_STATE, str(state_folder))
    study.set_user_attr(_PLAN, plain(plan))


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """What a block of a validation keeps: a trial in which every arm is trained under one seed."""

    block: int
    """from 0"""
    attempt: int = 1
    """from 1; more where it crashed"""
    reason: str = ""
    """why it came to nothing"""
    arms: Mapping[str, Any] = field(default_factory=dict)
    """what was measured of each arm, once it has ended"""
    trains: tuple[str, ...] = ()
    """the arms that it trains; empty for all of the plan"""

    @classmethod
    def of(cls, trial: FrozenTrial | Trial) -> BlockRecord:
        """Read what a block keeps."""
        attrs = trial.user_attrs
        return cls(
            attrs[_BLOCK],
            attrs.get(_ATTEMPT, 1),
            attrs.get(_REASON, ""),
            attrs.get(_ARMS) or {},
            tuple(attrs.get(_TRAINS, ())),
        )

    def queued(self) -> dict[str, Any]:
        """The attributes with which it is put into the queue."""
        some = {_TRAINS: list(self.trains)} if self.trains else {}
        return {_BLOCK: self.block, _ATTEMPT: self.attempt, **some}


def write_arms(trial: Trial, arms: Mapping[str, Any]) -> None:
    """Keep what was measured of each arm."""
    trial.set_user_attr(_ARMS, dict(arms))


def write_reason(trial: Trial, reason: str) -> None:
    """Keep why a block came to nothing."""
    trial.set_user_attr(_REASON, reason)

"""Optuna's storages, made to ride out what passes by itself.

Making a trial, a study or a lock is not tried again: when the answer is lost, it may have been made all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, GrpcStorageProxy
from optuna.trial import TrialState

from tuner.storage.rows import PlainRows
from tuner.system.waiting import ride_out


class _Patience(BaseStorage):
    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As in Optuna. An end that had been written before the connection broke counts as written."""
        tries = 0

        def call() -> bool:
            nonlocal tries
            tries += 1
            try:
                return super(_Patience, self).set_trial_state_values(trial_id, state, values)  # type: ignore[safe-super]
            except UpdateFinishedTrialError:
                if tries > 1 and self.get_trial(trial_id).state == state:
                    return True
                raise

        # To put a trial back a second time could take it from a worker that has claimed it meanwhile.
        return call() if state == TrialState.WAITING else ride_out(call, "storage")


class Patient(_Patience, PlainRows):
    """The storage in a database."""


class PatientProxy(_Patience, GrpcStorageProxy):
    """The storage behind a gRPC proxy."""


def _patient(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: BaseStorage, *args: Any, **kwargs: Any) -> Any:
        return ride_out(lambda: original(self, *args, **kwargs), "storage")

    method.__name__, method.__doc__ = original.__name__, original.__doc__
    return method


_ALL = (
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "get_study_user_attrs",
    "get_study_system_attrs",
    "get_all_studies",
    "get_trial",
    "get_all_trials",
    "set_study_user_attr",
    "set_study_system_attr",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
)
_DATABASE = ("get_trial_id_from_study_id_trial_number", "_get_trials", "_get_best_trial_id", "_set_trial_param")
_PROXY = ("set_trial_param",)
for _class, _names in ((Patient, _ALL + _DATABASE), (PatientProxy, _ALL + _PROXY)):
    for _name in _names:
        setattr(_class, _name, _patient(getattr(_class, _name)))

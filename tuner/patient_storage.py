"""Optuna's storage in a database, made to ride out what passes by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from tuner.patience import ride_out


class Patient(RDBStorage):
    """Optuna's storage in a database, which rides out what passes by itself.

    Making a trial, a study or a lock is not tried again: when the answer is lost, it may have been made all the same.
    """

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As in Optuna. An end that had been written before the connection broke counts as written."""
        tries = 0

        def call() -> bool:
            nonlocal tries
            tries += 1
            try:
                return RDBStorage.set_trial_state_values(self, trial_id, state, values)
            except UpdateFinishedTrialError:
                if tries > 1 and RDBStorage.get_trial(self, trial_id).state == state:
                    return True
                raise

        # To put a trial back a second time could take it from a worker that has claimed it meanwhile.
        return call() if state == TrialState.WAITING else ride_out(call, "storage")


def _patient(name: str) -> Callable[..., Any]:
    original = getattr(RDBStorage, name)

    def method(self: RDBStorage, *args: Any, **kwargs: Any) -> Any:
        return ride_out(lambda: original(self, *args, **kwargs), "storage")

    method.__name__, method.__doc__ = name, original.__doc__
    return method


for _name in (
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "get_study_user_attrs",
    "get_study_system_attrs",
    "get_all_studies",
    "get_trial_id_from_study_id_trial_number",
    "get_trial",
    "get_all_trials",
    "_get_trials",
    "_get_best_trial_id",
    "set_study_user_attr",
    "set_study_system_attr",
    "_set_trial_param",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
):
    setattr(Patient, _name, _patient(_name))

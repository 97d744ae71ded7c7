"""Trials as Optuna reads them from a database, without an object for each value that they have.

Optuna's object mapper makes one for every value, knob and attribute: thirty thousand in a study of a thousand trials,
which everyone who opens it would wait for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._rdb.models import (
    StudyModel,
    TrialIntermediateValueModel,
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

_PARTS: dict[str, Any] = {
    "params": TrialParamModel,
    "values": TrialValueModel,
    "user_attributes": TrialUserAttributeModel,
    "system_attributes": TrialSystemAttributeModel,
    "intermediate_values": TrialIntermediateValueModel,
}
"""What a trial is made of: the name under which Optuna looks for its rows, and their table."""


class PlainRows(RDBStorage):
    """Optuna's storage in a database, reading trials as plain rows."""

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """As in Optuna: trials of a study, in the order of their ids, of some states and of some ids or newer."""
        where: list[ColumnElement[bool]] = [TrialModel.study_id == study_id]
        if trial_id_greater_than > -1:
            older = {one for one in included_trial_ids if one <= trial_id_greater_than}
            where.append(or_(TrialModel.trial_id > trial_id_greater_than, TrialModel.trial_id.in_(older)))
        with _create_scoped_session(self.scoped_session) as session:
            StudyModel.find_or_raise_by_id(study_id, session)
            read = _read(session, where, states)
            return [self._build_frozen_trial_from_trial_model(trial) for trial in read]


def _read(
    session: Session, where: Sequence[ColumnElement[bool]], states: Container[TrialState] | None
) -> Iterable[Any]:
    """What Optuna makes a trial of, for each trial."""
    every: Any = session.scalars(select(TrialModel).where(*where).order_by(TrialModel.trial_id)).all()
    # Not by the database: a trial that changes its state between two queries would come without its values.
    found = [trial for trial in every if states is None or trial.state in states]
    parts = {name: _by_trial(session, model, where) for name, model in _PARTS.items()} if found else {}
    for trial in found:
        yield SimpleNamespace(
            trial_id=trial.trial_id,
            number=trial.number,
            state=trial.state,
            datetime_start=trial.datetime_start,
            datetime_complete=trial.datetime_complete,
            **{name: rows[trial.trial_id] for name, rows in parts.items()},
        )


def _by_trial(session: Session, model: Any, where: Sequence[ColumnElement[bool]]) -> dict[int, list[Any]]:
    """The rows of a table by the trial that they belong to."""
    rows = defaultdict(list)
    found = session.execute(select(*model.__table__.c).join(TrialModel).where(*where))
    for row in found:
        rows[row.trial_id].append(row)
    return rows

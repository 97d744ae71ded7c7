"""Optuna's cache of trials, for a queue in which most trials wait.

Whenever anyone looks at the trials (a claim, the sampler, the pruner, progress), Optuna reads again all that are not
finished. A study of ours holds all its trials from the start, so a thousand waiting ones would be read several times a
trial. One that nobody has claimed yet cannot have changed.
"""

from __future__ import annotations

from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage, _StudyInfo
from optuna.storages._rdb.models import TrialModel
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import TrialState
from sqlalchemy import select

from tuner.system.waiting import ride_out


class QueueCache(_CachedStorage):
    """What `optuna.storages.get_storage` makes of a database, except that trials that still wait are not read again."""

    _backend: RDBStorage

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        # A session of Optuna's ends with its commit; to mark all that it has read as out of date by then is lost time.
        backend.remove_session()
        backend.scoped_session.configure(expire_on_commit=False)

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        with self._lock:
            info = self._studies.setdefault(study_id, _StudyInfo())
            trials = self._backend._get_trials(
                study_id,
                states=None,
                included_trial_ids=info.unfinished_trial_ids - self._still_waiting(study_id, info),
                # Here: the newest one that was read. The trials of a study become visible in the order of their ids,
                # since whoever adds one holds a lock on the study.
                trial_id_greater_than=info.last_finished_trial_id,
            )
            self._add_trials_to_cache(study_id, trials)
            for trial in trials:
                info.last_finished_trial_id = max(info.last_finished_trial_id, trial._trial_id)
                if trial.state.is_finished():
                    info.unfinished_trial_ids.discard(trial._trial_id)
                else:
                    info.unfinished_trial_ids.add(trial._trial_id)

    def _still_waiting(self, study_id: int, info: _StudyInfo) -> set[int]:
        """Cached trials that nobody has claimed yet. One that was handed back has a start time and is read again."""
        cached = set()
        for trial_id in info.unfinished_trial_ids:
            trial = info.trials[self._trial_id_to_study_id_and_number[trial_id][1]]
            if trial.state == TrialState.WAITING and trial.datetime_start is None:
                cached.add(trial_id)
        if not cached:
            return cached
        columns = TrialModel.__table__.c
        untouched = select(columns.trial_id).where(
            columns.study_id == study_id, columns.state == TrialState.WAITING, columns.datetime_start.is_(None)
        )

        def read() -> set[int]:
            with _create_scoped_session(self._backend.scoped_session) as session:
                return set(session.scalars(untouched))

        return cached & ride_out(read, "storage")

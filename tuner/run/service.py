"""A worker without a study of its own: it waits for work and takes whatever is queued in the storage."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from contextlib import suppress

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from tuner.errors import InputError, RunError
from tuner.storage import lease, opening
from tuner.storage.lease import abandoned
from tuner.storage.opening import FrozenStudy
from tuner.storage.record import StudyRecord, ValidationRecord, write_study
from tuner.storage.store import Store
from tuner.storage.watch import Keeper
from tuner.study.study import Study, open_study
from tuner.system.interrupt import leave_if_asked, rest, signals
from tuner.system.masking import masked
from tuner.system.place import Place
from tuner.validation import blocks, working
from tuner.worker import worker

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two looks at the storage; an idle worker looks less and less often."""
ASIDE = 300.0
"""Seconds for which a study that this worker cannot work on is left to others."""
MAKING = 60.0
"""Seconds for which a study that is not whole is waited for."""
FINISHING = "finishing"
"""Study attribute: when a worker began to write the comparison down (seconds since 1970)."""
PATIENCE = 600.0
"""Seconds after which a worker that began so counts as gone."""


def join(
    where: Place | Store,
    name: str,
    *,
    device: str,
    say: Callable[[str], None],
    stay: bool = True,
    population: int | None = None,
) -> int:
    """Work on a study or validation until it has ended; returns how many trials or blocks this worker ended.

    stay: wait while other workers train, in case one of them stops; else only until nothing waits. population: trials
    or arms trained at once; None for as many as the study says or as are fastest.
    """
    store = Store.of(where)
    _wait_until_made(store, name)
    validation = blocks.open_validation(store, name)
    if validation is not None:
        return working.work(validation, device=device, population=population, say=say, stay=stay)
    study = open_study(store, name)
    count = worker.work(study, device=device, population=population, say=say, stay=stay)
    finish_detached(study, say)
    return count


def _wait_until_made(store: Store, name: str) -> None:
    """Wait while another process makes the study, which takes it seconds; what is none of ours is refused later."""
    until = time.monotonic() + MAKING
    while not _whole(store.load(name)) and time.monotonic() < until:
        rest(0.5)


def _whole(study: optuna.Study | FrozenStudy) -> bool:
    return StudyRecord.of(study).whole or ValidationRecord.of(study).whole


def serve(
    place: Place,
    *,
    device: str,
    say: Callable[[str], None],
    pause: float = FIRST_PAUSE,
    population: int | None = None,
) -> None:
    """Work on whatever is queued, the oldest study first; never returns.

    Raises Interrupted, with its trials handed back, on SIGINT or SIGTERM. A study that cannot be worked on here (its
    data is elsewhere, its trials fail) is said and left to others for a while; the worker goes on with the next.
    """
    store = Store.of(place)
    aside: dict[str, float] = {}
    watched: dict[str, Keeper] = {}
    idle = pause
    say(f"waiting for work in {masked(place.storage)}")
    with signals():
        while True:
            leave_if_asked()
            name = next_queued(store.storage, {name for name, until in aside.items() if until > time.monotonic()})
            if name is None:
                if watch(store.storage, watched):
                    idle = min(idle, lease.seconds() / 4)
                rest(idle * random.uniform(0.8, 1.2))  # not all workers at once
                idle = min(1.5 * idle, max(LONGEST_PAUSE, pause))
                continue
            idle = pause
            say(f"working on {name}")
            try:
                # It opens the storage for itself, so that what is cached of a study goes with it.
                count = join(place, name, device=device, say=say, stay=False, population=population)
                say(f"nothing waits in {name}; this worker finished {count}")
            except (InputError, RunError) as error:
                say(masked(f"{name} cannot be worked on here: {error}; others may, next try in {ASIDE / 60:.0f} min"))
                aside[name] = time.monotonic() + ASIDE
            gc.unfreeze()  # the next study is other data
            gc.collect()


def watch(opened: BaseStorage, watched: dict[str, Keeper]) -> bool:
    """Put trials of workers that show no sign of life back into the queue; whether there are any that run.

    watched: a keeper for each study in which trials run, kept from one call to the next.
    """
    running = set()
    for study in opened.get_all_studies():
        name = study.study_name
        if not _whole(study) or StudyRecord.of(study).finished_at is not None:
            continue
        if any(t.state == TrialState.RUNNING for t in opened.get_all_trials(study._study_id, deepcopy=False)):
            running.add(name)
            if name not in watched:
                watched[name] = Keeper(opening.load_study(opened, name))
            watched[name].look()
            watched[name].recover()
    for name in watched.keys() - running:
        del watched[name]
    return bool(running)


def next_queued(opened: BaseStorage, leave_out: set[str]) -> str | None:
    """The oldest study or validation in which something waits, or that nobody has finished; None for none."""
    for study in sorted(opened.get_all_studies(), key=lambda s: s._study_id):
        if study.study_name in leave_out or not _whole(study):
            continue
        if _has_work(opened, study):
            return study.study_name
    return None


def _has_work(opened: BaseStorage, study: FrozenStudy) -> bool:
    record = StudyRecord.of(study)
    if record.whole and record.finished_at == record.n_trials:
        return False
    trials = opened.get_all_trials(study._study_id, deepcopy=False)
    wanted = record.n_trials if record.whole else len(trials)
    if any(t.state == TrialState.WAITING and t.number < wanted for t in trials):
        return True
    if any(t.state == TrialState.RUNNING and abandoned(t) for t in trials):
        return True
    over = bool(trials) and all(t.state.is_finished() for t in trials[:wanted])
    return over and _to_finish(record)


def finish_detached(study: Study, say: Callable[[str], None]) -> None:
    """Compare, diagnose and write down, where whoever queued the study does not wait for it; once."""
    if not _to_finish(study.record):
        return
    from tuner.report.finish import finish, finished  # plots and scikit-learn, which the work itself needs not

    there = opening.trials(study.optuna)[: study.n_trials]
    if finished(study) or not all(t.state.is_finished() for t in there):
        return
    # Another worker that ends at this very moment may do it too; doing it twice changes nothing.
    write_study(study.optuna, finishing=time.time())
    try:
        summary = finish(study)
    except BaseException:
        with suppress(Exception):
            write_study(study.optuna, finishing=0)
        raise
    say(f"{study.name} is {summary['state']}: the comparison is in MLflow and in `tuner status {study.name}`")


def _to_finish(record: StudyRecord) -> bool:
    return record.detached and time.time() - record.finishing > PATIENCE

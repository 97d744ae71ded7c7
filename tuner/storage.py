"""The only place that opens an Optuna storage. The storage is the queue: trials are enqueued, then claimed."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError

from tuner.errors import InputError, unknown
from tuner.masking import masked
from tuner.spec import Range, Spec

optuna.logging.set_verbosity(optuna.logging.ERROR)


def open_storage(url: str) -> BaseStorage:
    """Open (and where needed create) the storage. Raises InputError where it cannot be reached or is no storage."""
    try:
        if not url.startswith("sqlite"):
            return get_storage(RDBStorage(url, engine_kwargs={"pool_pre_ping": True}))
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        use_wal(path)
        storage = RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
        # With WAL, NORMAL keeps the database consistent after a crash and saves an fsync a commit.
        event.listen(storage.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
        event.listen(storage.engine, "begin", _lock_to_claim)
        storage.engine.dispose()
        return get_storage(storage)
    except ImportError as error:
        raise InputError(f"storage {masked(url)} needs a driver that is not installed: {masked(str(error))}") from None
    except (SQLAlchemyError, sqlite3.Error, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"storage {masked(url)} cannot be opened: {_first_line(error)}") from None


_CLAIMING = threading.local()


def _lock_to_claim(connection: Connection) -> None:
    """Take SQLite's write lock before a claim reads the trial's state.

    SQLite knows no SELECT FOR UPDATE and Python begins a transaction only before the UPDATE: without this, two workers
    that see a trial waiting at the same moment both get it.
    """
    if getattr(_CLAIMING, "now", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def use_wal(path: Path) -> None:
    """Readers and a writer at the same time; the mode stays with the file."""
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error.__cause__ or error
    return masked(next((line for line in str(cause).splitlines() if line.strip()), type(cause).__name__))


def study_names(storage: BaseStorage) -> list[str]:
    """The studies in the storage, by name."""
    return sorted(study.study_name for study in storage.get_all_studies())


def load_study(storage: BaseStorage, name: str) -> optuna.Study:
    """The study of that name, or InputError with those that exist."""
    if name not in study_names(storage):
        raise InputError(unknown("study", name, study_names(storage)))
    return optuna.load_study(study_name=name, storage=storage)


def distribution(rng: Range, *, whole: bool = False) -> BaseDistribution:
    """The Optuna distribution of a searched knob; whole: of whole numbers only."""
    if rng.choices is not None:
        return CategoricalDistribution(rng.choices)
    assert rng.low is not None and rng.high is not None
    if whole:
        return IntDistribution(int(rng.low), int(rng.high), log=rng.log)
    return FloatDistribution(rng.low, rng.high, log=rng.log)


def suggest(trial: Trial, name: str, spec: Spec) -> Any:
    """Ask the sampler for one knob."""
    found = distribution(spec.knobs[name], whole=spec.vocabulary.knobs[name].kind == "int")
    if isinstance(found, CategoricalDistribution):
        return trial.suggest_categorical(name, found.choices)
    if isinstance(found, IntDistribution):
        return trial.suggest_int(name, found.low, found.high, log=found.log)
    assert isinstance(found, FloatDistribution)
    return trial.suggest_float(name, found.low, found.high, log=found.log)


def trials(study: optuna.Study, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
    """The study's trials, without copying them: read only."""
    return study.get_trials(deepcopy=False, states=tuple(states) if states else None)


def enqueue(
    study: optuna.Study, n_trials: int, named: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> None:
    """Fill the queue up to `n_trials` trials: first the named ones (params, overrides), then free ones.

    Every trial of a study goes through this queue, so that no number of workers can make more than were asked for.
    """
    there = trials(study)
    queued = {trial.user_attrs.get("plan") for trial in there}
    missing = [name for name in named if name not in queued]
    for _ in range(len(there), n_trials):
        if missing:
            name = missing.pop(0)
            params, overrides = named[name]
            study.enqueue_trial(dict(params), user_attrs={"plan": name, "overrides": dict(overrides)})
        else:
            study.enqueue_trial({}, user_attrs={"overrides": {}})


def claim(study: optuna.Study, n_trials: int, sampler: Callable[[int], BaseSampler]) -> Trial | None:
    """Take the next waiting trial, exactly one worker each; None where nothing waits.

    `sampler` makes the sampler for a trial number.

    `study.ask` would make a new trial when the queue is empty, and two workers could so exceed the number asked for.
    """
    storage = study._storage
    for waiting in trials(study, [TrialState.WAITING]):
        if waiting.number < n_trials and _take(storage, waiting._trial_id):
            storage.set_trial_user_attr(waiting._trial_id, "worker", worker_id())
            study.sampler = sampler(waiting.number)
            return Trial(study, waiting._trial_id)
    return None


def _take(storage: BaseStorage, trial_id: int) -> bool:
    """Mark a waiting trial as running; whether it was still there to take."""
    _CLAIMING.now = True
    try:
        return storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    except UpdateFinishedTrialError:
        return False  # another worker has taken it and ended it meanwhile
    finally:
        _CLAIMING.now = False


def hand_back(study: optuna.Study, trial_id: int) -> None:
    """Put a running trial back into the queue; its knobs stay."""
    study._storage.set_trial_state_values(trial_id, TrialState.WAITING)


def worker_id() -> str:
    """This process: host, pid and the moment it started, so that a reused pid is told apart."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def reclaim(study: optuna.Study) -> list[int]:
    """Put trials back whose worker died on this host; returns their numbers."""
    numbers = []
    for trial in trials(study, [TrialState.RUNNING]):
        if abandoned(trial):
            hand_back(study, trial._trial_id)
            numbers.append(trial.number)
    return numbers


def abandoned(trial: FrozenTrial) -> bool:
    """Whether the worker of a running trial is gone; of another host's worker one cannot say."""
    worker = str(trial.user_attrs.get("worker", ""))
    host, _, rest = worker.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(started) and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot; nothing where it is a zombie or the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""

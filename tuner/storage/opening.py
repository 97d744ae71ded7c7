"""The only place that opens an Optuna storage. The storage is the queue: trials are enqueued, then claimed."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.study._frozen import FrozenStudy as FrozenStudy  # a study as it is listed; Optuna exports no name for it
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError

from tuner.errors import InputError, unknown
from tuner.spec.model import Spec
from tuner.spec.sections import Range
from tuner.storage import proxy
from tuner.storage.cache import QueueCache
from tuner.storage.database import OPTUNA, connect_args, made_once
from tuner.storage.patient import Patient
from tuner.storage.record import TrialRecord
from tuner.system.cause import first_line, root_cause
from tuner.system.masking import masked

LOCK = ".lock:"
"""Studies whose names begin so are locks (tuner/storage/lease.py)."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


def open_storage(url: str) -> BaseStorage:
    """Open (and where needed create) the storage. Raises InputError where it cannot be reached or is no storage.

    Once it is open, what passes by itself (a restart, a lost connection, a full disk) is waited for in every call.
    """
    if url.startswith(proxy.PREFIX):
        return proxy.connect(url)
    try:
        with made_once(url, OPTUNA):
            if not url.startswith("sqlite"):
                kwargs = {"pool_pre_ping": True, "connect_args": connect_args(url)}
                return _closed_when_unused(QueueCache(Patient(url, engine_kwargs=kwargs)))
            storage = Patient(url, engine_kwargs={"connect_args": {"timeout": 60}})
            # With WAL, NORMAL keeps the database consistent after a crash and saves an fsync a commit.
            event.listen(
                storage.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL")
            )
            event.listen(storage.engine, "begin", _lock_to_claim)
            storage.engine.dispose()
            return _closed_when_unused(QueueCache(storage))
    except ImportError as error:
        hint = "; for PostgreSQL: pip install 'loss-weight-tuner[postgres]'" if "psycopg" in str(error) else ""
        raise InputError(
            f"storage {masked(url)} needs a driver that is not installed: {masked(str(error))}{hint}"
        ) from None
    except RuntimeError as error:
        other = "" if "table schema" not in str(error) else _OTHER_VERSION.format(optuna.__version__)
        raise InputError(f"storage {masked(url)} cannot be opened: {other}{first_line(root_cause(error))}") from None
    except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
        # InputError, a ValueError too, says all there is to say.
        if isinstance(error, InputError):
            raise
        raise InputError(f"storage {masked(url)} cannot be opened: {first_line(root_cause(error))}") from None


def _closed_when_unused(storage: QueueCache) -> QueueCache:
    """Close the connections once nobody refers to the storage any more: Optuna itself leaves them open."""
    weakref.finalize(storage, storage._backend.engine.dispose)
    return storage


_OTHER_VERSION = (
    "it was made or upgraded by another version of Optuna than {}, which is installed here; install the same version "
    "on every machine. "
)


_CLAIMING = threading.local()


@contextmanager
def claiming() -> Iterator[None]:
    """In this block SQLite's write lock is taken before a trial's state is read.

    SQLite knows no SELECT FOR UPDATE and Python begins a transaction only before the UPDATE: without this, two workers
    that see a trial waiting at the same moment both get it.
    """
    _CLAIMING.now = True
    try:
        yield
    finally:
        _CLAIMING.now = False


def _lock_to_claim(connection: Connection) -> None:
    if getattr(_CLAIMING, "now", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def study_names(storage: BaseStorage) -> list[str]:
    """The studies in the storage, by name."""
    return sorted(s.study_name for s in storage.get_all_studies() if not s.study_name.startswith(LOCK))


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
    _catch_up(trial, name, found)
    if isinstance(found, CategoricalDistribution):
        return trial.suggest_categorical(name, found.choices)
    if isinstance(found, IntDistribution):
        return trial.suggest_int(name, found.low, found.high, log=found.log)
    assert isinstance(found, FloatDistribution)
    return trial.suggest_float(name, found.low, found.high, log=found.log)


def _catch_up(trial: Trial, name: str, found: BaseDistribution) -> None:
    """Where an earlier worker has asked for this knob, draw it again and throw it away.

    The sampler draws one knob after the other from one stream: the knobs that are still missing come out as they would
    have for the worker that died between two of them.
    """
    frozen = trial._get_latest_trial()
    drawn = name not in trial._fixed_params and name not in trial.relative_params and not found.single()
    if name in frozen.distributions and drawn:
        trial.study.sampler.sample_independent(trial.study, frozen, name, found)


def trials(study: optuna.Study, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
    """The study's trials, without copying them: read only."""
    return study.get_trials(deepcopy=False, states=tuple(states) if states else None)


def enqueue(
    study: optuna.Study,
    n_trials: int,
    first: Sequence[tuple[Mapping[str, Any], TrialRecord]],
) -> None:
    """Fill the queue up to `n_trials` trials: those of `first` (params, record) that it lacks, then free ones.

    Every trial of a study goes through this queue, so that no number of workers can make more than were asked for.
    """
    there = trials(study)
    queued = {(record.plan, record.origin) for record in map(TrialRecord.of, there)}
    missing = [(params, record) for params, record in first if (record.plan, record.origin) not in queued]
    for i in range(n_trials - len(there)):
        params, record = missing[i] if i < len(missing) else ({}, TrialRecord())
        study.enqueue_trial(dict(params), user_attrs=record.queued())


def attributes(study: optuna.Study) -> dict[str, Any]:
    """All that a study keeps, by name, whichever program made it."""
    return dict(study.user_attrs)


def keep(study: optuna.Study, name: str, value: Any) -> None:
    """Keep something with a study, under a name of its own."""
    study.set_user_attr(name, value)

"""Who trains which trial: claimed by exactly one worker, and put back into the queue when that worker is gone.

A claim is a change of state from WAITING to RUNNING, which every Optuna storage makes atomic, and a name under OWNER.
Whoever finds another name there has lost the trial and leaves it alone. While it lives, the owner keeps changing BEAT
(tuner/storage/watch.py). To put another worker's trial back takes a lock, which is a study of a certain name: names of
studies are unique in every storage.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import itertools
import os
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from tuner.errors import InputError
from tuner.storage.opening import LOCK, claiming, trials
from tuner.storage.record.trial import BEAT, BEYOND, CRASHES, OWNER

RETRIES = 3
"""So often a trial is taken over from dead workers without having come further; then it has failed."""
SECONDS = "TUNER_LEASE"
"""Environment variable: seconds after which a worker that shows no sign of life has lost its trials."""

FARTHEST = 64
"""So far ahead in the queue a worker looks at most when others were faster."""

T = TypeVar("T")
_counter = itertools.count()


def seconds() -> float:
    """How long a lease of this process lasts unless renewed. Raises InputError for what is no duration."""
    given = os.environ.get(SECONDS, "60")
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not 1 <= found < float("inf"):
        raise InputError(f"{SECONDS} must be a number of seconds, at least 1; found {given!r}")
    return found


# --- claims


def claim(study: optuna.Study, n_trials: int, sampler: Callable[[int], BaseSampler]) -> Trial | None:
    """Take the next waiting trial, exactly one worker each; None where nothing waits.

    `sampler` makes the sampler for a trial number.

    `study.ask` would make a new trial when the queue is empty, and two workers could so exceed the number asked for.
    """
    storage = study._storage
    asked = [t for t in trials(study, [TrialState.WAITING]) if t.number < n_trials]
    for waiting in apart(asked):
        if _take(storage, waiting._trial_id):
            owner = f"{worker_id()}:{next(_counter)}:{seconds():g}"
            storage.set_trial_user_attr(waiting._trial_id, OWNER, owner)
            # A study of its own: knobs are drawn when they are asked for, and several trials may be claimed by then.
            own = copy.copy(study)
            own.sampler = sampler(waiting.number)
            return Trial(own, waiting._trial_id)
    return None


def apart(waiting: Sequence[T]) -> Iterator[T]:
    """Each of them once: in their order, until whoever asks for a second one must have been too late for the first.

    Then more and more of them are put off, at random: many workers that begin together would try for the same trial,
    all but one in vain, and then all for the next.
    """
    later: list[T] = []
    skip, reach = 0, 1
    for one in waiting:
        if skip:
            skip -= 1
            later.append(one)
            continue
        yield one
        reach = min(2 * reach, FARTHEST)
        skip = random.randrange(reach)
    yield from later


def _take(storage: BaseStorage, trial_id: int) -> bool:
    """Mark a waiting trial as running; whether it was still there to take."""
    with claiming():
        try:
            return storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False  # another worker has taken it and ended it meanwhile


def owner_of(trial: FrozenTrial | Trial) -> str:
    """Who has the trial; "" between two claims."""
    return str(trial.user_attrs.get(OWNER, ""))


def holds(study: optuna.Study, trial_id: int, owner: str) -> bool:
    """Whether the trial still runs and is still this owner's, read from the storage."""
    trial = study._storage.get_trial(trial_id)
    return trial.state == TrialState.RUNNING and owner_of(trial) == owner


def hand_back(study: optuna.Study, trial_id: int, owner: str) -> None:
    """Put one's own running trial back into the queue; its knobs stay, and it does not count as a crash."""
    if holds(study, trial_id, owner):
        _put_back(study, trial_id)


def _put_back(study: optuna.Study, trial_id: int) -> None:
    # The name first: whoever claims the trial next must not be taken for the one who had it.
    study._storage.set_trial_user_attr(trial_id, OWNER, "")
    study._storage.set_trial_state_values(trial_id, TrialState.WAITING)


# --- taking over


def reclaim(study: optuna.Study) -> list[int]:
    """Put trials back whose worker died on this host, at once; returns their numbers."""
    gone = [trial for trial in trials(study, [TrialState.RUNNING]) if abandoned(trial)]
    return [trial.number for trial in gone if take_over(study, trial)]


def take_over(study: optuna.Study, trial: FrozenTrial) -> bool:
    """Put a dead worker's trial back into the queue, unless it lives after all or another process was faster.

    trial: as it was seen when its worker seemed dead. Returns whether this call put it back.
    """
    with locked(study._storage, _lock_name(study, trial)) as mine:
        if not mine:
            return False
        now = study._storage.get_trial(trial._trial_id)
        if now.state != TrialState.RUNNING or mark(now) != mark(trial):
            return False
        study._storage.set_trial_user_attr(trial._trial_id, CRASHES, _count_crash(now))
        _put_back(study, trial._trial_id)
        return True


def _count_crash(trial: FrozenTrial) -> dict[str, Any]:
    """How often the trial's worker has died in a row without coming a further epoch, this time included."""
    before = trial.user_attrs.get(CRASHES, {"count": 0, "epoch": -1})
    epoch = max(trial.intermediate_values, default=0) + trial.user_attrs.get(BEYOND, 0)
    count = before["count"] + 1 if epoch <= before["epoch"] else 1
    return {"count": count, "epoch": epoch, "last": describe(owner_of(trial))}


def spent(trial: Trial) -> str | None:
    """Why a claimed trial should not be tried once more; None where it should."""
    crashes = trial.user_attrs.get(CRASHES)
    if crashes is None or crashes["count"] <= RETRIES:
        return None
    return (
        f"its worker died {crashes['count']} times without getting past epoch {crashes['epoch']}; "
        f"the last one was {crashes['last']}"
    )


def _lock_name(study: optuna.Study, trial: FrozenTrial) -> str:
    return f"{LOCK}{study.study_name}:{trial.number}:{owner_of(trial)}"


@contextmanager
def locked(storage: BaseStorage, name: str) -> Iterator[bool]:
    """Hold the lock of that name, if nobody has it; whether it was free."""
    try:
        lock = storage.create_new_study([StudyDirection.MINIMIZE], name)
    except DuplicatedStudyError:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(KeyError):  # taken for a dead process's and broken
            storage.delete_study(lock)


def break_lock(study: optuna.Study, trial: FrozenTrial) -> None:
    """Remove the lock of a process that died while it held it."""
    unlock(study._storage, _lock_name(study, trial))


def unlock(storage: BaseStorage, name: str) -> None:
    """Remove a lock whoever holds it."""
    with suppress(KeyError):
        storage.delete_study(storage.get_study_id_from_name(name))


def mark(trial: FrozenTrial) -> tuple[Any, ...]:
    """What changes when a trial is claimed and whenever its lease is renewed."""
    return trial.datetime_start, owner_of(trial), trial.user_attrs.get(BEAT)


# --- workers


def worker_id() -> str:
    """This process: host, pid and the moment it started, so that a reused pid is told apart."""
    return f"{host()}:{os.getpid()}:{_started(os.getpid())}"


@functools.cache
def host() -> str:
    """This machine since it started, or this container: where a pid means the same process."""
    parts = []
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            parts.append(os.readlink(path) if "/ns/" in path else Path(path).read_text())
    return f"{socket.gethostname()}-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:6]}"


def describe(owner: str) -> str:
    """An owner for a message: process and host."""
    parts = owner.split(":")
    return f"process {parts[1]} on {parts[0].rpartition('-')[0]}" if len(parts) > 2 else "unknown"


def lease_of(owner: str) -> float | None:
    """The seconds that an owner's lease lasts; None where it does not say."""
    last = owner.rpartition(":")[2]
    return float(last) if owner.count(":") == 4 and last.replace(".", "", 1).isdigit() else None


def abandoned(trial: FrozenTrial) -> bool:
    """Whether the worker of a running trial is gone from this host; of another host's worker one cannot say so."""
    return gone(owner_of(trial))


def gone(owner: str) -> bool:
    """Whether a process, by its `worker_id`, is gone from this host; of another host's process one cannot say so."""
    where, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    started = rest.partition(":")[0]
    if where != host() or not pid.isdigit():
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

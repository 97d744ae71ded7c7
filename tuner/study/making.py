"""A name is taken first, what belongs to it is written next, and a mark comes last: what has no mark is half made.

Whoever comes next waits for a maker that lives, and clears what a dead one has left, wherever it died.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from tuner.errors import RunError
from tuner.storage import lease, opening
from tuner.system.interrupt import rest

MAKER = "maker"
"""Attribute of a study or validation: the process that makes it."""
PATIENCE = 60.0
"""Seconds without a change after which a maker on another host counts as dead."""
UNNAMED = 10.0
"""The same where nobody has put a name to it: that comes at once after the name was taken."""


def take(storage: BaseStorage, name: str, direction: str) -> optuna.Study | None:
    """Take a name; None where it is taken. direction: MINIMIZE or MAXIMIZE."""
    try:
        study = optuna.create_study(study_name=name, storage=storage, direction=StudyDirection[direction])
    except DuplicatedStudyError:
        return None
    opening.keep(study, MAKER, lease.worker_id())
    return study


def settled(storage: BaseStorage, name: str, whole: Callable[[optuna.Study], bool]) -> optuna.Study | None:
    """The study of that name once it is whole; None where there is none, or only what a dead maker had left.

    A study of another program, which has trials and no maker, is left alone and returned as it is.
    """
    since, seen = time.monotonic(), None
    while name in opening.study_names(storage):
        try:
            study = opening.load_study(storage, name)
            attrs = opening.attributes(study)
            foreign = MAKER not in attrs and (len(attrs) > 0 or len(opening.trials(study)) > 0)
        except KeyError:
            return None  # cleared by its maker just now
        if foreign or whole(study):
            return study
        if attrs != seen:
            since, seen = time.monotonic(), attrs
        waited = time.monotonic() - since
        if lease.gone(attrs.get(MAKER, "")) or waited > (PATIENCE if MAKER in attrs else UNNAMED):
            clear(storage, name)
            return None
        rest(0.1)
    return None


def clear(storage: BaseStorage, name: str) -> None:
    """Remove a study, unless somebody has by now."""
    try:
        optuna.delete_study(study_name=name, storage=storage)
    except KeyError:
        return


def make(storage: BaseStorage, name: str, direction: str, write: Callable[[optuna.Study], None]) -> bool:
    """Take a name and write what belongs to it; False where another process has the name.

    write: gets the study and writes its attributes, the mark last. What fails half-way leaves no name behind.
    """
    study = take(storage, name, direction)
    if study is None:
        return False
    try:
        write(study)
    except KeyError as error:
        raise RunError(f"{name} was taken over by another process while it was made; try again") from error
    except BaseException:
        clear(storage, name)
        raise
    return True

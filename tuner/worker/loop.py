"""The loop of every worker: claim -> train -> tell, until the queue is empty. What is claimed are trials or blocks."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from optuna.exceptions import StorageInternalError
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from tuner.errors import RunError
from tuner.storage.watch import Keeper
from tuner.system.cause import first_line, root_cause
from tuner.system.interrupt import Interrupted
from tuner.system.waiting import impatient
from tuner.worker.checkpoint import tidy
from tuner.worker.trial import Attempt

FAILURES_IN_A_ROW = 3
"""So many failures one after the other are no accident: the worker stops."""


class Worker(Protocol):
    """What the loop needs: a worker of a search (worker/worker.py) or of a validation (validation/working.py)."""

    unit: str
    """what it claims, for messages"""
    checkpoints: Path
    last_failure: str
    """in one line"""

    def claim(self) -> list[Trial]:
        """The next of the queue; several where they are trained together, none where nothing waits."""
        ...

    def train(self, attempt: Attempt) -> list[TrialState]:
        """Train what was claimed and tell how each ended; none for what another worker took over."""
        ...

    def hand_back(self, attempt: Attempt, why: str) -> None:
        """Put what is under way back into the queue, as far as the storage can be reached."""
        ...

    def fail(self, attempt: Attempt, error: Exception) -> list[TrialState]:
        """End what is under way, which broke; returns the states of all that the attempt has ended."""
        ...

    def unfinished(self) -> list[str]:
        """Numbers of those whose checkpoints may still be needed."""
        ...


def until_empty(
    worker: Worker,
    keeper: Keeper,
    say: Callable[[str], None],
    *,
    stay: bool = True,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[TrialState]:
    """Train whatever waits, until all has ended; returns how each ended that this worker finished.

    stay: wait while other workers train, in case one of them stops; meanwhile: called once before waiting. Raises
    RunError after FAILURES_IN_A_ROW failures, or where the storage, the tracking or the disk fails, and Interrupted
    after a signal; what was under way is back in the queue then.
    """
    ended: list[TrialState] = []
    failures = 0
    while trials := keeper.next(worker.claim, say, stay=stay, meanwhile=meanwhile):
        states = attempt_all(worker, keeper, trials, say)
        ended += states
        failures = failures + len(states) if set(states) == {TrialState.FAIL} else 0
        if failures >= FAILURES_IN_A_ROW:
            raise RunError(f"{failures} {worker.unit}s in a row failed; the last one: {worker.last_failure}")
    tidy(worker.checkpoints, worker.unfinished())
    return ended


def lost(keeper: Keeper, attempt: Attempt) -> str:
    """Numbers of the unfinished trials, where other workers have all of them: what broke is theirs to deal with."""
    unfinished = attempt.unfinished()
    try:
        with impatient():
            mine = [trial for trial in unfinished if keeper.holds(trial)]
    except Exception:  # the storage is what broke, or is away too: then nobody else can have them
        return ""
    return "" if mine else ", ".join(str(trial.number) for trial in unfinished)


def attempt_all(
    worker: Worker, keeper: Keeper, trials: list[Trial], say: Callable[[str], None] = print
) -> list[TrialState]:
    """Train claimed trials together; returns how each ended."""
    attempt = Attempt(list(trials))
    try:
        return worker.train(attempt)
    except Interrupted:
        worker.hand_back(attempt, "interrupted")
        raise
    except Exception as error:
        if left := lost(keeper, attempt):
            say(f"{worker.unit} {left} was taken over by another worker; left to it")
            return attempt.states
        if (broken := around_the_trial(error)) is not None:
            # The trial did nothing wrong and loses nothing; this worker cannot go on.
            worker.hand_back(attempt, broken)
            raise RunError(f"{broken}. The {worker.unit} is back in the queue; start again to resume") from error
        # Whatever else breaks is the trial's own failure; those trained as one model share its fate.
        return worker.fail(attempt, error)
    finally:
        for trial in attempt.trials:
            keeper.release(trial)


def around_the_trial(error: Exception) -> str | None:
    """What is broken, where it is not the training itself: tracking, storage or disk; None for anything else."""
    if isinstance(error, RunError):
        return str(error)
    if isinstance(error, (SQLAlchemyError, StorageInternalError)):
        return f"the storage failed: {first_line(root_cause(error))}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return f"cannot write: {error}"
    return None

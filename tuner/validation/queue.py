"""The queue of a validation: blocks as trials, n of them whoever fills it, tried again where one crashes.

The first trial of a block that has not failed is the block. Any other is one too many, as two calls that fill the queue
at the same moment can make it; whoever claims it ends it without running it.
"""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from tuner.storage import lease, opening
from tuner.storage.record import BlockRecord, write_reason

ATTEMPTS = 3
"""So often is a block begun by one call of `validate` before its crash is the user's to look at."""
ALREADY_THERE = "this block was in the queue already"


def fill(study: optuna.Study, blocks: int, arms: Sequence[str] = ()) -> None:
    """Put every block below `blocks` into the queue that is not there or has failed; n blocks for any callers.

    arms: that the new blocks train; none for all of the plan.
    """
    there = by_block(study)
    for block in range(blocks):
        if block not in there:
            enqueue(study, block, arms=arms)


def enqueue(study: optuna.Study, block: int, attempt: int = 1, arms: Sequence[str] = ()) -> None:
    """Put one block into the queue."""
    study.enqueue_trial({}, user_attrs=BlockRecord(block, attempt, trains=tuple(arms)).queued())


def by_block(study: optuna.Study) -> dict[int, FrozenTrial]:
    """The trial of each block: the first one that has not failed."""
    found: dict[int, FrozenTrial] = {}
    for trial in opening.trials(study):
        if trial.state != TrialState.FAIL:
            found.setdefault(BlockRecord.of(trial).block, trial)
    return found


def one_too_many(study: optuna.Study, number: int) -> bool:
    """Whether another trial stands for the block of the trial of that number."""
    return all(trial.number != number for trial in by_block(study).values())


def claim(study: optuna.Study) -> Trial | None:
    """Take the next block; None where none waits."""
    while trial := lease.claim(study, len(opening.trials(study)), lambda number: RandomSampler(seed=number)):
        if not one_too_many(study, trial.number):
            return trial
        fail(study, trial, ALREADY_THERE)
    return None


def fail(study: optuna.Study, trial: Trial, reason: str) -> None:
    """End a trial that came to nothing."""
    write_reason(trial, reason)
    study.tell(trial, state=TrialState.FAIL)


def try_again(study: optuna.Study, trial: Trial) -> bool:
    """Put the block of a trial that crashed into the queue once more; False where it has had its attempts."""
    record = BlockRecord.of(trial)
    if record.attempt < ATTEMPTS:
        enqueue(study, record.block, record.attempt + 1, record.trains)
    return record.attempt < ATTEMPTS


def crashes(study: optuna.Study, blocks: int) -> dict[int, str]:
    """Blocks below `blocks` that have failed and are not in the queue, with the reason of their last crash."""
    there = by_block(study)
    failed = map(BlockRecord.of, opening.trials(study, [TrialState.FAIL]))
    return {one.block: one.reason for one in failed if one.block not in there and one.block < blocks}

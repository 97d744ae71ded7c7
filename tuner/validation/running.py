"""Run the blocks of a validation: start workers, watch them, wait for those of other callers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from tuner.errors import RunError
from tuner.launch import local
from tuner.storage import lease
from tuner.storage.watch import Keeper
from tuner.validation import queue
from tuner.validation.arms import FIRST_LOOK
from tuner.validation.blocks import Validation, records
from tuner.validation.pace import Pace
from tuner.validation.verdict import decided

BETWEEN_LOOKS = 4
"""Blocks between two looks of `--until-decided`."""


Say = Callable[[str], None]
Look = Callable[[Sequence[FrozenTrial], int], None]
"""Gets the blocks and how many there are to be, every half a second."""


def run_until_decided(validation: Validation, workers: int, device: str, say: Say, look: Look) -> None:
    """Blocks in small lots until every verdict is clear or the budget is spent."""
    seeds = FIRST_LOOK
    while True:
        run(validation, seeds, workers, device, say, look)
        if decided(validation.plan, records(validation)):
            say(f"every verdict is clear after {seeds} seeds")
            return
        if seeds >= validation.plan.seeds:
            say(f"not every verdict is clear after {seeds} seeds, which was the budget")
            return
        seeds = min(seeds + BETWEEN_LOOKS, validation.plan.seeds)


def run(
    validation: Validation,
    seeds: int,
    workers: int,
    device: str,
    say: Say,
    look: Look,
    arms: Sequence[str] = (),
) -> None:
    """Run blocks until there are `seeds` of them: start workers, watch them, and wait for those of other callers.

    arms: that further blocks train; none for all of the plan.
    """
    study, name = validation.optuna, validation.name
    queue.fill(study, seeds, arms)
    trained = len(arms) or validation.plan.trainings
    introduction = f"{name}: {trained} arms x {seeds} paired seeds, {validation.plan.spec.training.epochs} epochs each"
    waited = False
    with Keeper(study) as keeper:
        while unfinished := _unfinished(study, seeds):
            if introduction:
                say(introduction)
                introduction = ""
            waiting = [trial for trial in unfinished if trial.state == TrialState.WAITING]
            if waiting:
                processes = local.start(name, validation.place, min(workers, len(waiting)), device)
                _train(validation, seeds, processes, say, look)
            elif not keeper.recover():
                if not waited:
                    say(f"other workers train {len(unfinished)} of {seeds} seeds; waiting for them")
                    waited = True
                look(list(queue.by_block(study).values()), seeds)
                time.sleep(0.5)
    if broken := queue.crashes(study, seeds):
        raise RunError(_describe(broken))


def leave_to_others(validation: Validation) -> tuple[int, int]:
    """Queue the blocks that are next, for workers that wait for work; returns how many are done, and of how many.

    Equal numbers mean that the validation is over. Raises RunError where a block has failed for good.
    """
    study, plan = validation.optuna, validation.plan
    seeds = max(min(FIRST_LOOK, plan.seeds) if plan.until_decided else plan.seeds, len(queue.by_block(study)))
    while True:
        broken = queue.crashes(study, seeds)
        queue.fill(study, seeds)  # those too, for another try
        if broken:
            raise RunError(f"{_describe(broken)}; it is in the queue again")
        done = _done(study)
        if done < seeds or seeds >= plan.seeds or decided(plan, records(validation)):
            return done, seeds
        seeds = min(seeds + BETWEEN_LOOKS, plan.seeds)


def count(say: Say) -> Look:
    """Says how many seeds are done, each time that there are more, and once before how long it will take."""
    told, pace, guessed = -1, Pace(), False

    def look(blocks: Sequence[FrozenTrial], seeds: int) -> None:
        nonlocal told, guessed
        done = sum(trial.state == TrialState.COMPLETE for trial in blocks)
        left = pace.left(blocks, seeds)
        if done > told >= 0 or (left and not guessed):
            say(f"{done} of {seeds} seeds done" + (f", {left}" if left and done < seeds else ""))
        told, guessed = done, guessed or bool(left)

    return look


def _describe(broken: dict[int, str]) -> str:
    block, reason = next(iter(broken.items()))
    return f"block {block} failed: {reason.strip()[-500:]}"


def _unfinished(study: optuna.Study, seeds: int) -> list[FrozenTrial]:
    """Blocks below `seeds` that wait or run, those of dead workers put back."""
    lease.reclaim(study)
    return [t for block, t in queue.by_block(study).items() if block < seeds and not t.state.is_finished()]


def _train(validation: Validation, seeds: int, processes: list[local.Process], say: Say, look: Look) -> None:
    """Watch workers until all have left. Raises RunError where one failed and blocks still wait."""
    study = validation.optuna
    try:
        with local.supervised(processes, lambda: say("stopping: blocks under way go back into the queue")):
            while local.running(processes):
                look(list(queue.by_block(study).values()), seeds)
                time.sleep(0.5)
        look(list(queue.by_block(study).values()), seeds)
    finally:
        unfinished = _unfinished(study, seeds)
    failed = [p for p in processes if p.exit_code]
    if failed and any(trial.state == TrialState.WAITING for trial in unfinished):
        raise RunError(f"{failed[0].last_words()} (worker log: {failed[0].log})")


def _done(study: optuna.Study) -> int:
    return sum(trial.state == TrialState.COMPLETE for trial in queue.by_block(study).values())

"""A worker of a validation: claim a block -> train its arms -> tell, until every block has ended."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from optuna.trial import Trial, TrialState

from trainer.calibrate import Choice
from trainer.tensors import TensorData
from tuner.errors import RunError
from tuner.storage import lease
from tuner.storage.record import BlockRecord, ValidationRecord, write_arms
from tuner.storage.watch import Keeper
from tuner.system import provenance
from tuner.system.interrupt import signals
from tuner.system.masking import masked
from tuner.system.waiting import impatient
from tuner.validation import blocks, queue
from tuner.validation.blocks import Validation
from tuner.worker.calibrate import choice
from tuner.worker.checkpoint import Checkpoint, folder, identity
from tuner.worker.loop import until_empty
from tuner.worker.trial import Attempt, Reports


class Lost(Exception):
    """Another worker has taken the block over."""


def work(
    validation: Validation,
    *,
    device: str,
    population: int | None = 1,
    say: Callable[[str], None] = print,
    stay: bool = True,
) -> int:
    """Run blocks until all have ended; returns how many this worker finished.

    population: arms trained together, None for as many as the validation says or as are fastest; stay: wait while other
    workers train, in case one of them stops.

    A block that crashes goes back into the queue, a few times. Raises RunError where one has had its attempts, or where
    several in a row crash here, and Interrupted, with the block handed back, on SIGINT or SIGTERM.
    """
    if device == "cpu":
        torch.set_num_threads(1)
    provenance.check(ValidationRecord.of(validation.optuna).versions, f"validation {validation.name}", say)
    with signals(), Keeper(validation.optuna) as keeper:
        worker = BlockWorker(validation, device, say, keeper, population)
        ended = until_empty(worker, keeper, say, stay=stay)
    return ended.count(TrialState.COMPLETE)


class BlockWorker:
    """Trains the arms of one block after the other."""

    unit = "block"

    def __init__(
        self,
        validation: Validation,
        device: str,
        say: Callable[[str], None],
        keeper: Keeper,
        population: int | None = None,
    ) -> None:
        self.validation, self.device, self.say, self.keeper = validation, device, say, keeper
        self.study = validation.optuna
        self.checkpoints = folder(validation.place.state, validation.name)
        self.scripts = validation.place.state / "scripts" / validation.name
        self.facts = {
            "plan": validation.plan.contents(),
            "data": ValidationRecord.of(self.study).data_fingerprint,
            "versions": [provenance.versions()[name] for name in ("tuner", "torch")],
        }
        self.population = population
        self.last_failure = ""

    def claim(self) -> list[Trial]:
        """The next block, if one waits. One whose workers keep dying ends here."""
        while trial := queue.claim(self.study):
            if (why := lease.spent(trial)) is None:
                self.keeper.hold(trial)
                return [trial]
            queue.fail(self.study, trial, why)
            self.say(f"block {BlockRecord.of(trial).block} failed: {why}")
        return []

    def choose(self, data: TensorData) -> Choice:
        """How many arms to train at once."""
        plan, state = self.validation.plan, self.validation.place.state
        return choice(
            self.study, state, plan.spec, data, self.device, self.say, given=self.population, most=plan.trainings
        )

    def unfinished(self) -> list[str]:
        """Numbers of the blocks whose checkpoints may still be needed."""
        return [str(b) for b, trial in queue.by_block(self.study).items() if not trial.state.is_finished()]

    def train(self, attempt: Attempt) -> list[TrialState]:
        """Train the arms of the block; no state where another worker took it over."""
        (trial,) = attempt.trials
        block, reports = BlockRecord.of(trial).block, Reports(trial)
        parts: list[Checkpoint] = []

        def tell(step: int, share: float) -> None:
            if self.keeper.still(trial) is False:
                raise Lost
            reports.add(step, share)
            reports.write()

        def part(name: str) -> Checkpoint:
            path = self.checkpoints / f"{block}-{name}.pt"
            parts.append(Checkpoint(path, identity(block=block, **self.facts), self.say))
            return parts[-1]

        # What a script writes lies in a folder of its own.
        more: dict[str, Any] = {"choose": self.choose}
        more |= {"folder": self.scripts / f"block-{block}"} if self.validation.plan.spec.command else {}
        try:
            arms = BlockRecord.of(trial).trains
            record = blocks.run_block(self.validation.plan, block, self.device, tell, part, arms=arms, **more)
            if not self.keeper.holds(trial):
                raise Lost
        except Lost:
            self.say(f"block {block} was taken over by another worker; left to it")
            return []
        write_arms(trial, record)
        base = record[next(iter(self.validation.plan.arms))]
        self.study.tell(trial, next(iter({**base["test"], **base.get("reported", {})}.values()), 0.0))
        for checkpoint in parts:
            checkpoint.remove()
        self.say(f"block {block} is done")
        return [TrialState.COMPLETE]

    def fail(self, attempt: Attempt, error: Exception) -> list[TrialState]:
        """Note the crash; the block goes back into the queue. RunError where it has had its attempts."""
        (trial,) = attempt.trials
        self.last_failure = masked(f"block {BlockRecord.of(trial).block} failed: {type(error).__name__}: {error}")
        queue.fail(self.study, trial, masked(traceback.format_exc()))
        if not queue.try_again(self.study, trial):
            raise RunError(f"{self.last_failure} ({queue.ATTEMPTS} attempts)") from error
        self.say(f"{self.last_failure}; it goes back into the queue")
        return [TrialState.FAIL]

    def hand_back(self, attempt: Attempt, why: str) -> None:
        """Put the block back into the queue."""
        (trial,) = attempt.trials
        with impatient(), suppress(Exception):  # what cannot be written now is taken over later
            lease.hand_back(self.study, trial._trial_id, lease.owner_of(trial))

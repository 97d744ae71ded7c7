"""A worker of a validation: claim a block -> train its arms -> tell, until every block has ended."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from optuna.trial import Trial

from trainer.calibrate import Choice
from trainer.tensors import TensorData
from tuner.errors import RunError
from tuner.storage import lease
from tuner.storage.watch import Keeper
from tuner.system import provenance
from tuner.system.interrupt import Interrupted, signals
from tuner.system.masking import masked
from tuner.system.waiting import impatient
from tuner.validation import blocks, queue
from tuner.validation.blocks import Validation
from tuner.worker.calibrate import choice
from tuner.worker.checkpoint import Checkpoint, folder, identity, tidy
from tuner.worker.outcome import around_the_trial
from tuner.worker.trial import Reports
from tuner.worker.worker import FAILURES_IN_A_ROW


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
    done, failed = 0, 0
    provenance.check(validation.optuna.user_attrs.get("versions", {}), f"validation {validation.name}", say)
    with signals(), Keeper(validation.optuna) as keeper:
        worker = Worker(validation, device, say, keeper, population)
        while trials := keeper.next(worker.claim, say, stay=stay):
            ended = worker.run(trials[0])
            done += ended is True
            failed = failed + 1 if ended is False else 0
            if failed >= FAILURES_IN_A_ROW:
                raise RunError(f"{failed} blocks in a row failed here; the last one: {worker.last_failure}")
        tidy(worker.checkpoints, worker.unfinished())
    return done


class Worker:
    """What one worker process needs to run blocks."""

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
            "data": self.study.user_attrs.get("data_fingerprint"),
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
            self.say(f"block {trial.user_attrs['block']} failed: {why}")
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

    def run(self, trial: Trial) -> bool | None:
        """Train the block: True when it is done, False when it crashed, None when another worker took it over."""
        block, reports = trial.user_attrs["block"], Reports(trial)
        parts: list[Checkpoint] = []

        def tell(step: int, share: float) -> None:
            if trial._trial_id in self.keeper.lost:
                raise Lost
            reports.add(step, share)
            reports.write()

        def part(name: str) -> Checkpoint:
            path = self.checkpoints / f"{block}-{name}.pt"
            parts.append(Checkpoint(path, identity(block=block, **self.facts), self.say))
            return parts[-1]

        try:
            # What a script writes lies in a folder of its own.
            more: dict[str, Any] = {"choose": self.choose}
            more |= {"folder": self.scripts / f"block-{block}"} if self.validation.plan.spec.command else {}
            record = blocks.run_block(self.validation.plan, block, self.device, tell, part, **more)
            if not self.keeper.holds(trial):
                raise Lost
            trial.set_user_attr("arms", record)
            base = record[next(iter(self.validation.plan.arms))]
            self.study.tell(trial, next(iter({**base["test"], **base.get("reported", {})}.values()), 0.0))
        except Lost:
            self.say(f"block {block} was taken over by another worker; left to it")
            return None
        except Interrupted:
            self._hand_back(trial)
            raise
        except Exception as error:
            if (broken := around_the_trial(error)) is not None:
                self._hand_back(trial)
                raise RunError(f"{broken}. The block is back in the queue; start again to resume") from error
            self._crashed(trial, block, error)
            return False
        finally:
            self.keeper.release(trial)
        for checkpoint in parts:
            checkpoint.remove()
        self.say(f"block {block} is done")
        return True

    def _crashed(self, trial: Trial, block: int, error: Exception) -> None:
        self.last_failure = masked(f"block {block} failed: {type(error).__name__}: {error}")
        queue.fail(self.study, trial, masked(traceback.format_exc()))
        if not queue.try_again(self.study, trial):
            raise RunError(f"{self.last_failure} ({queue.ATTEMPTS} attempts)") from error
        self.say(f"{self.last_failure}; it goes back into the queue")

    def _hand_back(self, trial: Trial) -> None:
        with impatient(), suppress(Exception):  # what cannot be written now is taken over later
            lease.hand_back(self.study, trial._trial_id, lease.owner_of(trial))

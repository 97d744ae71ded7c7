"""A worker of a search: claim -> train -> report all -> judge all -> tell, until the queue is empty."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from functools import partial

import torch
from optuna.trial import Trial, TrialState

from trainer.calibrate import Choice
from trainer.tensors import TensorData, to_tensors
from tuner.errors import UserCodeError
from tuner.storage import opening
from tuner.storage.record import StudyRecord
from tuner.storage.watch import Keeper
from tuner.study import own_code, reference
from tuner.study.population import SHARE
from tuner.study.study import Study
from tuner.system import device as devices
from tuner.system import provenance
from tuner.system.interrupt import signals
from tuner.system.masking import masked
from tuner.worker.calibrate import choice
from tuner.worker.group import Group, Parts, begin
from tuner.worker.judging import Judging
from tuner.worker.loop import until_empty
from tuner.worker.opening import Opening
from tuner.worker.outcome import Outcomes, last_line
from tuner.worker.training import Training
from tuner.worker.trial import Attempt, stages


def work(
    study: Study, *, device: str, population: int | None = 1, say: Callable[[str], None] = print, stay: bool = True
) -> int:
    """Train trials until all have ended; returns how many this worker finished.

    device: cpu, cuda or cuda:N; population: trials trained together, None for as many as the study says or as are
    fastest; stay: wait while other workers train, in case one of them stops. Raises InputError where the study is
    another version's, RunError after several failed trials in a row, and Interrupted, with the trials handed
    back, on SIGINT or SIGTERM.
    """
    provenance.check(StudyRecord.of(study.optuna).versions, f"study {study.name!r}", say)
    if device == "cpu":
        torch.set_num_threads(1)
    if said := own_code.notice(study.spec):
        say(said)
    tensors = None if study.spec.command else to_tensors(study.data(), study.spec.model, device)
    # What is loaded by now lives as long as the process: the garbage collector need not look at it again.
    gc.freeze()
    with signals(), Keeper(study.optuna) as keeper:
        most = study.n_trials // (SHARE * devices.default_workers(device))
        chosen = choice(study.optuna, study.place.state, study.spec, tensors, device, say, given=population, most=most)
        worker = TrialWorker(study, tensors, keeper, chosen, device=device, say=say)
        ended = until_empty(worker, keeper, say, stay=stay, meanwhile=partial(reference.ensure, study))
    return len(ended)


class TrialWorker:
    """Trains trials of a study, as many together as were chosen."""

    unit = "trial"

    def __init__(
        self,
        study: Study,
        data: TensorData | None,
        keeper: Keeper,
        chosen: Choice,
        *,
        device: str,
        say: Callable[[str], None],
    ) -> None:
        tracker = study.tracker()
        outcomes = Outcomes(study, data, tracker, keeper, say)
        self.study = study
        self.parts = Parts(
            Opening(study, tracker, keeper, outcomes, device=device, chosen=chosen),
            Training(study, data, device, say),
            Judging(study, tracker, keeper),
            outcomes,
            keeper,
            chosen,
        )
        self.checkpoints = self.parts.opening.checkpoints
        self.last_failure = ""

    def claim(self) -> list[Trial]:
        """Trials from the queue to begin with: those that were under way before, if any, to which new ones come as if
        nothing had happened."""
        size = self.parts.chosen.size
        return self.parts.opening.claim(min(self.parts.opening.under_way(), size) or size)

    def train(self, attempt: Attempt) -> list[TrialState]:
        """Train claimed trials together and tell how each ended; what another worker took over is left to it.

        Where they are one model, the places of trials that end go to the next ones in the queue.
        """
        for trial in list(attempt.trials):
            begin(self.parts, attempt, trial)
        for together in stages(attempt.running, mixed=self.parts.chosen.fused):
            Group(self.parts, attempt).train(together)
        return attempt.states

    def hand_back(self, attempt: Attempt, why: str) -> None:
        """Put what is under way back into the queue."""
        self.parts.outcomes.hand_back(attempt.unfinished(), attempt.running, why)

    def fail(self, attempt: Attempt, error: Exception) -> list[TrialState]:
        """End what is under way, which broke."""
        if isinstance(error, UserCodeError):
            self.last_failure, text, log = last_line(str(error)), str(error), error.log
        else:
            self.last_failure, text, log = f"{type(error).__name__}: {error}", traceback.format_exc(), None
        failed = attempt.unfinished()
        self.parts.outcomes.fail(failed, attempt.running, masked(text), log)
        return [*attempt.states, *[TrialState.FAIL] * len(failed)]

    def unfinished(self) -> list[str]:
        """Numbers of the trials whose checkpoints may still be needed."""
        open_trials = opening.trials(self.study.optuna, [TrialState.RUNNING, TrialState.WAITING])
        return [str(trial.number) for trial in open_trials]

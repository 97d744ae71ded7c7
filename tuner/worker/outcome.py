"""What becomes of a trial: it has a result, it failed, or it goes back into the queue."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from optuna.trial import Trial, TrialState

from trainer.knobs import Config
from trainer.result import Result
from trainer.resume import epoch_metrics
from trainer.tensors import TensorData
from tuner.errors import RunError
from tuner.storage import lease, opening
from tuner.storage.record import TrialRecord, TrialResult, epochs_run, title, write_result, write_study
from tuner.storage.watch import Keeper
from tuner.study.study import Study
from tuner.system.waiting import impatient
from tuner.tracking.client import Tracker, finite
from tuner.worker import model_file
from tuner.worker.checkpoint import Found
from tuner.worker.trial import AWAY, Running, replicates_ended

KEPT_CURVES = (
    "val/cross_entropy",
    "train/cross_entropy",
    "val/weighted_f1",
    "train/weighted_f1",
    "val/mse",
    "weighted/total",
    "grad/norm_mean",
)
"""Curves kept with the trial in the storage, so that status and diagnosis need no tracking server."""
MOST_CURVES = 30
"""Of those that a script reports."""


class Outcomes:
    """Tells the storage and MLflow how trials ended. What is another worker's by now is left to it."""

    def __init__(
        self, study: Study, data: TensorData | None, tracker: Tracker, keeper: Keeper, say: Callable[[str], None]
    ) -> None:
        self.study, self.data, self.tracker, self.keeper, self.say = study, data, tracker, keeper, say
        self.objective = study.spec.goal

    def finish(self, r: Running, result: Result) -> list[TrialState]:
        """Store what became of a trial, close its run, then tell Optuna; nothing where it is another worker's now."""
        if not self.keeper.holds(r.trial):
            self.say(f"trial {r.trial.number} was taken over by another worker; left to it")
            return []
        r.reports.write(wait=True)
        state, reason = TrialState.COMPLETE, ""
        if result.state == "diverged":
            state, reason = TrialState.PRUNED, f"diverged at {result.reason}"
        elif result.state == "stopped":
            # Only rungs stop a trial.
            state = TrialState.PRUNED
            reason = f"not among the best 1 in {self.study.spec.search.reduction:g} at {result.reason}"
        others = KEPT_CURVES if self.data is not None else list(result.curves)[:MOST_CURVES]
        kept = {self.objective.metric, *others}
        curves = {name: [_short(v) for v in curve] for name, curve in result.curves.items() if name in kept}
        test, measures = rounded(result.test), rounded(result.measures)
        kept_result = TrialResult(
            result.epochs, result.best_epoch, reason, test, measures, curves, notes=result.notes, wrote=result.wrote
        )
        write_result(r.trial, kept_result)
        tags = {"reason": reason, "epochs": str(result.epochs), "best_epoch": str(result.best_epoch)}
        metrics = {**result.test, **result.measures, "epochs": float(result.epochs)}
        if result.best_epoch:
            metrics[f"best/{self.objective.metric.removeprefix('val/')}"] = result.best_value
        record = TrialRecord.of(r.trial)
        if record.is_baseline:
            replicates = replicates_ended(record)
            write_study(self.study.optuna, replicates=replicates)
            if spread := replicates.spread():
                metrics |= {"replicates/mean": spread.mean, "replicates/std": spread.std}
        if result.log is not None:
            tags |= self._keep(r, "log", partial(self.tracker.artifact, r.run_id, result.log))
        if state == TrialState.COMPLETE and self.data is not None and self._leads(result.best_value):
            attach = partial(model_file.log, self.tracker, r.run_id, result, self.study.spec, self.data)
            tags |= self._keep(r, "model", attach)
        if self.keeper.still(r.trial) is False:  # to attach files can take long
            self.say(f"trial {r.trial.number} was taken over by another worker; left to it")
            return []
        # MLflow first: a trial that has ended is nobody's to finish.
        self.tracker.end_trial(r.run_id, state.name, tags, finite(metrics))
        if state == TrialState.COMPLETE:
            self.study.optuna.tell(r.trial, result.best_value)
        else:
            self.study.optuna.tell(r.trial, state=TrialState.PRUNED)
        r.checkpoint.remove()
        self.say(line(r.trial.number, r.config, state.name, result, record.label))
        return [state]

    def _keep(self, r: Running, what: str, attach: Callable[[], None]) -> dict[str, str]:
        """Attach a file to a trial's run; returns tags that say so where that cannot be.

        The artifacts may lie where this machine must not write. The trial is worth more than its model.
        """
        try:
            attach()
        except RunError as error:
            self.say(f"trial {r.trial.number}: its {what} is not kept: {error}")
            return {f"{what}_not_kept": str(error)}
        return {}

    def _leads(self, value: float) -> bool:
        """Whether no completed trial is better so far: only then is a model worth keeping."""
        done = opening.trials(self.study.optuna, [TrialState.COMPLETE])
        return not any(self.objective.better(t.value, value) for t in done if t.value is not None)

    def hand_back(self, trials: Sequence[Trial], running: list[Running], why: str) -> None:
        """Put unfinished trials back into the queue. What cannot be written now is taken over or reclaimed later."""
        with impatient():
            mine = []
            for trial in trials:
                with suppress(*AWAY):
                    if self.keeper.holds(trial):
                        mine.append(trial)
            # MLflow first: whoever claims the trial goes on with the run.
            for r in running:
                if r.trial in mine:
                    with suppress(*AWAY, RunError):
                        r.reports.write()
                        self.tracker.end_trial(r.run_id, "INTERRUPTED", {"reason": f"{why}; goes on when claimed"}, {})
            for trial in mine:
                with suppress(*AWAY):
                    lease.hand_back(self.study.optuna, trial._trial_id, lease.owner_of(trial))

    def fail(self, trials: Sequence[Trial], running: list[Running], text: str, log: Path | None) -> None:
        """End trials whose training broke; text: how, the last line says it in short; log: what a script said."""
        mine = [trial for trial in trials if self.keeper.holds(trial)]
        for r in running:
            if r.trial in mine:
                with suppress(RunError):  # MLflow may be what failed; the storage has the reason
                    if log is not None:
                        self.tracker.artifact(r.run_id, log)
                    self.tracker.end_trial(r.run_id, "FAIL", {"reason": text}, {})
        for trial in mine:
            self.say(f"trial {trial.number} failed:\n{text}")
            epochs = epochs_run(self.study.optuna._storage.get_trial(trial._trial_id))
            write_result(trial, TrialResult(epochs, reason=last_line(text), traceback=text))
            self.study.optuna.tell(trial, state=TrialState.FAIL)

    def give_up(self, trial: Trial, why: str, found: Found | None) -> None:
        """End a claimed trial whose workers keep dying; its run keeps what they measured, up to its checkpoint."""
        run_id = TrialRecord.of(trial).run_id
        frozen = self.study.optuna._storage.get_trial(trial._trial_id)
        if run_id is not None and self.tracker.resume(run_id):
            for epoch, when in enumerate(found.times, start=1) if found else ():
                assert found is not None
                self.tracker.epoch(run_id, finite(epoch_metrics(found.states[0], epoch)), epoch, when)
            self.tracker.end_trial(run_id, "FAIL", {"reason": why}, {})
        write_result(trial, TrialResult(epochs_run(frozen), reason=why))
        self.study.optuna.tell(trial, state=TrialState.FAIL)
        self.keeper.release(trial)
        self.say(f"trial {trial.number} failed: {why}")


def last_line(text: str) -> str:
    """What a traceback ends with."""
    return text.strip().splitlines()[-1]


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Six significant digits: what is stored is read by people and sent over networks."""
    return {name: float(f"{value:.6g}") for name, value in values.items()}


def _short(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def line(number: int, config: Config, state: str, result: Result, plan: str | None) -> str:
    """One line about a finished trial."""
    value = f"{result.best_value:.4f}" if math.isfinite(result.best_value) else "-"
    return f"{title(number, config.knobs(), plan)}: {state} {value} after {result.epochs} epochs" + (
        f" ({result.reason})" if result.state == "diverged" else ""
    )

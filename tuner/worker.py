"""A worker: claim -> train -> report all -> judge all -> tell, until the queue is empty."""

from __future__ import annotations

import errno
import gc
import math
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from optuna.exceptions import StorageInternalError
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from trainer.knobs import Config
from trainer.metrics import EpochReport
from trainer.tensors import TensorData, to_tensors
from trainer.train import Receiver, Result, train
from tuner import device as devices
from tuner import lease, model_file, own_code, provenance, storage
from tuner.errors import RunError, UserCodeError
from tuner.interrupt import Interrupted, leave_if_asked, signals
from tuner.masking import masked
from tuner.pruning import RungPruner
from tuner.sampling import sampler
from tuner.script import train as script
from tuner.script.rules import takes_a_seed
from tuner.study import Study
from tuner.summary import label, title
from tuner.tracking import Tracker, finite

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
FAILURES_IN_A_ROW = 3
"""So many failures one after the other are no accident: the worker stops."""


@dataclass(slots=True)
class Running:
    """A claimed trial while it trains."""

    trial: Trial
    config: Config
    run_id: str
    reported: int = 0
    """last epoch that was reported before the trial was interrupted"""

    @property
    def protected(self) -> bool:
        """The baseline and the plans are never pruned: every study contains its own comparison."""
        return "plan" in self.trial.user_attrs


def work(study: Study, *, device: str, population: int = 1, say: Callable[[str], None] = print) -> int:
    """Train trials until none waits; returns how many this worker finished.

    device: cpu, cuda or cuda:N; population: trials trained together. Raises RunError after FAILURES_IN_A_ROW failed
    trials in a row, and Interrupted, with the trials handed back, on SIGINT or SIGTERM.
    """
    if device == "cpu":
        torch.set_num_threads(1)
    if said := own_code.notice(study.spec):
        say(said)
    tensors = None if study.spec.command else to_tensors(study.data(), study.spec.model, device)
    worker = Worker(study, tensors, study.tracker(), device, say)
    # What is loaded by now lives as long as the process: the garbage collector need not look at it again.
    gc.freeze()
    with signals():
        for number in lease.reclaim(study.optuna):
            say(f"trial {number}: its worker is gone, it goes back into the queue")
        finished, failed = 0, 0
        while trials := worker.claim(population):
            states = worker.run(trials)
            finished += len(states)
            failed = failed + len(states) if set(states) == {TrialState.FAIL} else 0
            if failed >= FAILURES_IN_A_ROW:
                raise RunError(f"{failed} trials in a row failed; the last one: {worker.last_failure}")
    return finished


class Worker:
    """What one worker process needs to run trials."""

    def __init__(
        self, study: Study, data: TensorData | None, tracker: Tracker, device: str, say: Callable[[str], None]
    ) -> None:
        self.study, self.data, self.tracker, self.device, self.say = study, data, tracker, device, say
        self.objective = study.spec.goal
        fingerprint = study.optuna.user_attrs["data_fingerprint"] or ""
        self.tags = provenance.tags(devices.describe(device), study.spec.seed, fingerprint)
        code = own_code.fingerprints(study.spec)
        self.tags |= {"code": " ".join(f"{name}={digits}" for name, digits in code.items())} if code else {}
        self.last_failure = ""

    def claim(self, count: int) -> list[Trial]:
        """Up to `count` trials from the queue; where it is empty, those of workers that died meanwhile."""
        return self._claim(count) or (self._claim(count) if lease.reclaim(self.study.optuna) else [])

    def _claim(self, count: int) -> list[Trial]:
        spec = self.study.spec
        found: list[Trial] = []
        while len(found) < count:
            trial = lease.claim(self.study.optuna, self.study.n_trials, lambda n: sampler(spec.search, spec.seed, n))
            if trial is None:
                break
            found.append(trial)
        return found

    def run(self, trials: Sequence[Trial]) -> list[TrialState]:
        """Train claimed trials together and tell how each ended."""
        running: list[Running] = []
        try:
            running = [self._start(trial) for trial in trials]
            results = self._train(
                [r.config for r in running],
                [f"trial-{r.trial.number}" for r in running],
                seed=self.study.spec.seed,
                report=lambda reports: self._judge(running, reports),
            )
            return [self._finish(r, result) for r, result in zip(running, results, strict=True)]
        except (Interrupted, KeyboardInterrupt):
            self._hand_back(trials, running, "interrupted")
            raise
        except Exception as error:
            broken = _around_the_trial(error)
            if broken is not None:
                # The trial did nothing wrong and loses nothing; this worker cannot go on.
                self._hand_back(trials, running, broken)
                raise RunError(f"{broken}. The trial is back in the queue; start again to resume") from error
            # Whatever else breaks is this trial's failure; a fused batch shares its fate.
            theirs = isinstance(error, UserCodeError)
            self.last_failure = str(error) if theirs else f"{type(error).__name__}: {error}"
            log = error.log if isinstance(error, UserCodeError) else None
            self._fail(trials, running, masked(str(error) if theirs else traceback.format_exc()), log)
            return [TrialState.FAIL] * len(trials)

    def _train(self, configs: Sequence[Config], labels: Sequence[str], *, seed: int, report: Receiver) -> list[Result]:
        """Train members with the model, or by the script; labels: one a member, for what a script writes."""
        spec = self.study.spec
        if self.data is None:
            folders = [self.study.place.state / "scripts" / self.study.name / label for label in labels]
            return script.train(
                configs, spec, folders=folders, device=self.device, seed=seed, report=report, between=leave_if_asked
            )
        return train(configs, self.data, spec.model, spec.training, seed=seed, objective=self.objective, report=report)

    def _start(self, trial: Trial) -> Running:
        """Ask for the knobs and open the MLflow run."""
        spec = self.study.spec
        params: dict[str, Any] = {}
        overrides = trial.user_attrs.get("overrides", {})
        for name in spec.order():
            if spec.exists(name, {**overrides, **params}):
                params[name] = storage.suggest(trial, name, spec)
        config = spec.config(params, overrides)
        previous = trial.user_attrs.get("run_id")
        if previous:
            # The trial was interrupted and starts over: one trial has one run, without doubled epochs.
            self.tracker.delete(previous)
        known = label(trial.user_attrs)
        tags = {**self.tags, "trial": str(trial.number), **({"plan": known} if known else {})}
        run_id = self.tracker.start_trial(
            self.study.runs, title(trial.number, config.knobs(), known), config.knobs(), tags
        )
        trial.set_user_attr("run_id", run_id)
        trial.set_user_attr("config", config.knobs())
        before = self.study.optuna._storage.get_trial(trial._trial_id).intermediate_values
        return Running(trial, config, run_id, max(before, default=0))

    def _judge(self, running: list[Running], reports: list[EpochReport]) -> list[int]:
        """Report all, then judge all: returns the positions to stop."""
        leave_if_asked()
        for report in reports:
            r = running[report.member]
            self.tracker.epoch(r.run_id, finite(report.metrics), report.epoch)
            # A script may tell more of an epoch later than the objective.
            value = report.metrics.get(self.objective.metric, math.nan)
            if math.isfinite(value) and report.epoch > r.reported:
                r.trial.report(value, report.epoch)
        pruner = self.study.optuna.pruner
        rung = isinstance(pruner, RungPruner) and reports[0].epoch in pruner.rungs
        return [
            report.member
            for report in reports
            if rung and not running[report.member].protected and running[report.member].trial.should_prune()
        ]

    def _finish(self, r: Running, result: Result) -> TrialState:
        """Store what became of a trial, then tell Optuna, then close its run."""
        replicates = self._replicates(r) if r.trial.user_attrs.get("plan") == "baseline" else None
        state, reason = TrialState.COMPLETE, ""
        if result.state == "diverged":
            state, reason = TrialState.PRUNED, f"diverged at {result.reason}"
        elif result.state == "stopped":
            # Only rungs stop a trial.
            state = TrialState.PRUNED
            reason = f"not among the best 1 in {self.study.spec.search.reduction:g} at {result.reason}"
        others = KEPT_CURVES if self.data is not None else list(result.curves)[:MOST_CURVES]
        kept = {self.objective.metric, *others}
        record = {
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "reason": reason,
            "test": rounded(result.test),
            "measures": rounded(result.measures),
            "curves": {name: [_short(v) for v in curve] for name, curve in result.curves.items() if name in kept},
        }
        r.trial.set_user_attr("result", record)
        tags = {"reason": reason, "epochs": str(result.epochs), "best_epoch": str(result.best_epoch)}
        metrics = {**result.test, **result.measures, "epochs": float(result.epochs)}
        if result.best_epoch:
            metrics[f"best/{self.objective.metric.removeprefix('val/')}"] = result.best_value
        if replicates:
            self.study.optuna.set_user_attr("replicates", replicates)
            metrics |= {f"replicates/{name}": value for name, value in spread(replicates["values"]).items()}
        if result.log is not None:
            self.tracker.artifact(r.run_id, result.log)
        if state == TrialState.COMPLETE and self.data is not None and self._leads(result.best_value):
            model_file.log(self.tracker, r.run_id, result, self.study.spec, self.data)
        if state == TrialState.COMPLETE:
            self.study.optuna.tell(r.trial, result.best_value)
        else:
            self.study.optuna.tell(r.trial, state=TrialState.PRUNED)
        self.tracker.end_trial(r.run_id, state.name, tags, finite(metrics))
        self.say(line(r.trial.number, r.config, state.name, result, label(r.trial.user_attrs)))
        return state

    def _replicates(self, r: Running) -> dict[str, Any]:
        """The baseline again under other seeds: what a result moves by when nothing but chance differs."""
        spec = self.study.spec
        values, epochs = [], 0
        for i in range(spec.search.replicates if takes_a_seed(spec) else 0):
            seed, label = spec.seed + 1_000_003 * (i + 1), f"trial-{r.trial.number}-replicate-{i + 1}"
            result = self._train([r.config], [label], seed=seed, report=lambda _: leave_if_asked())[0]
            epochs += result.epochs
            if math.isfinite(result.best_value):
                values.append(result.best_value)
        return {"values": values, "epochs": epochs}

    def _leads(self, value: float) -> bool:
        """Whether no completed trial is better so far: only then is a model worth keeping."""
        done = storage.trials(self.study.optuna, [TrialState.COMPLETE])
        return not any(self.objective.better(t.value, value) for t in done if t.value is not None)

    def _hand_back(self, trials: Sequence[Trial], running: list[Running], why: str) -> None:
        """Put unfinished trials back into the queue. What cannot be written now is reclaimed at the next start."""
        for trial in trials:
            with suppress(SQLAlchemyError, StorageInternalError):
                if not _state(self.study, trial).is_finished():
                    lease.hand_back(self.study.optuna, trial._trial_id, lease.owner_of(trial))
        self._close(running, "INTERRUPTED", f"{why}; goes on at the next start")

    def _fail(self, trials: Sequence[Trial], running: list[Running], text: str, log: Path | None) -> None:
        for trial in trials:
            if not _state(self.study, trial).is_finished():
                trial.set_user_attr("result", {"reason": text.strip().splitlines()[-1], "traceback": text, "epochs": 0})
                self.study.optuna.tell(trial, state=TrialState.FAIL)
        if log is not None:
            for r in running:
                with suppress(RunError):
                    self.tracker.artifact(r.run_id, log)
        self._close(running, "FAIL", text)

    def _close(self, running: list[Running], state: str, reason: str) -> None:
        for r in running:
            # The tracking server may be what failed; the storage has the reason.
            with suppress(RunError):
                self.tracker.end_trial(r.run_id, state, {"reason": reason}, {})


def _around_the_trial(error: Exception) -> str | None:
    """What is broken, where it is not the training itself: tracking, storage or disk; None for anything else."""
    if isinstance(error, RunError):
        return str(error)
    if isinstance(error, (SQLAlchemyError, StorageInternalError)):
        cause = getattr(error, "orig", None) or error.__cause__ or error
        return f"the storage failed: {str(cause).splitlines()[0]}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return f"cannot write: {error}"
    return None


def _state(study: Study, trial: Trial) -> TrialState:
    return study.optuna._storage.get_trial(trial._trial_id).state


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and sample standard deviation of at least two values; empty for fewer."""
    if len(values) < 2:
        return {}
    mean = sum(values) / len(values)
    return {"mean": mean, "std": math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))}


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

"""A worker: claim -> train -> report all -> judge all -> tell, until the queue is empty."""

from __future__ import annotations

import errno
import gc
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from trainer.calibrate import Choice
from trainer.knobs import Config
from trainer.metrics import EpochReport
from trainer.resume import State, epoch_metrics
from trainer.tensors import TensorData, to_tensors
from trainer.train import Newcomer, Receiver, Result, Saver, train
from tuner import dashboard, lease, model_file, own_code, provenance, storage
from tuner import device as devices
from tuner.attempt import Running, together
from tuner.calibrate import choice, describe
from tuner.checkpoint import Checkpoint, Found, Saving, folder, identity, tidy
from tuner.errors import RunError, UserCodeError
from tuner.interrupt import Interrupted, leave_before_long, leave_if_asked, signals
from tuner.keeper import Keeper
from tuner.masking import masked
from tuner.patience import impatient
from tuner.population import SHARE
from tuner.pruning import RungPruner
from tuner.sampling import sampler
from tuner.script import train as script
from tuner.script.rules import takes_a_seed
from tuner.study import Study
from tuner.summary import config_of, epochs_run, label, title
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
ONE_BY_ONE = Choice()
FAILURES_IN_A_ROW = 3
"""So many failures one after the other are no accident: the worker stops."""


def work(
    study: Study, *, device: str, population: int | None = 1, say: Callable[[str], None] = print, stay: bool = True
) -> int:
    """Train trials until all have ended; returns how many this worker finished.

    device: cpu, cuda or cuda:N; population: trials trained together, None for as many as the study says or as are
    fastest; stay: wait while other workers train, in case one of them stops. Raises InputError where the study is
    another version's, RunError after FAILURES_IN_A_ROW failed trials in a row, and Interrupted, with the trials handed
    back, on SIGINT or SIGTERM.
    """
    provenance.check(study.optuna.user_attrs.get("versions", {}), f"study {study.name!r}", say)
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
        worker = Worker(study, tensors, study.tracker(), device, say, keeper, chosen)
        finished, failed = 0, 0
        while trials := keeper.next(lambda: worker.claim(chosen.size), say, stay=stay):
            states = worker.run(trials)
            finished += len(states)
            failed = failed + len(states) if set(states) == {TrialState.FAIL} else 0
            if failed >= FAILURES_IN_A_ROW:
                raise RunError(f"{failed} trials in a row failed; the last one: {worker.last_failure}")
        tidy(worker.checkpoints, worker.unfinished())
    return finished


@dataclass(slots=True)
class Together:
    """Trials that one worker trains side by side."""

    trials: list[Trial]
    """all that it has claimed"""
    running: list[Running] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)
    """ids of those that are over, for this worker"""
    states: list[TrialState] = field(default_factory=list)

    def unfinished(self) -> list[Trial]:
        """Those that are under way."""
        return [trial for trial in self.trials if trial._trial_id not in self.finished]


class Worker:
    """What one worker process needs to run trials."""

    def __init__(
        self,
        study: Study,
        data: TensorData | None,
        tracker: Tracker,
        device: str,
        say: Callable[[str], None],
        keeper: Keeper,
        chosen: Choice = ONE_BY_ONE,
    ) -> None:
        self.study, self.data, self.tracker, self.device, self.say = study, data, tracker, device, say
        self.chosen = chosen
        self.mixes = chosen.fused and data is not None and data.mixes
        self.keeper, self.checkpoints = keeper, folder(study.place.state, study.name)
        self.objective = study.spec.goal
        self.fingerprint = study.optuna.user_attrs["data_fingerprint"] or ""
        self.tags = provenance.tags(devices.describe(device), study.spec.seed, self.fingerprint)
        self.code = own_code.fingerprints(study.spec)
        self.tags |= {"code": " ".join(f"{name}={digits}" for name, digits in self.code.items())} if self.code else {}
        self.tags |= {"population": describe(chosen)}
        self.last_failure = ""

    def claim(self, count: int) -> list[Trial]:
        """Up to `count` trials from the queue. One whose workers keep dying ends here."""
        spec = self.study.spec
        found: list[Trial] = []
        while len(found) < count:
            trial = lease.claim(self.study.optuna, self.study.n_trials, lambda n: sampler(spec.search, spec.seed, n))
            if trial is None:
                break
            self.keeper.hold(trial)
            if why := lease.spent(trial):
                self._give_up(trial, why)
            else:
                found.append(trial)
        return found

    def run(self, trials: Sequence[Trial]) -> list[TrialState]:
        """Train claimed trials together and tell how each ended; what another worker took over is left to it.

        Where the trainer can mix epochs, the place of a trial that ends goes to the next one in the queue.
        """
        attempt = Together(list(trials))
        try:
            for trial in trials:
                attempt.running.append(self._start(trial))
            for group in together(attempt.running, mixed=self.mixes):
                self._run_group(attempt, list(group))
            return attempt.states
        except Interrupted:
            self._hand_back(attempt.unfinished(), attempt.running, "interrupted")
            raise
        except Exception as error:
            broken = around_the_trial(error)
            if broken is not None:
                # The trial did nothing wrong and loses nothing; this worker cannot go on.
                self._hand_back(attempt.unfinished(), attempt.running, broken)
                raise RunError(f"{broken}. The trial is back in the queue; start again to resume") from error
            # Whatever else breaks is this trial's failure; a fused batch shares its fate.
            theirs = isinstance(error, UserCodeError)
            self.last_failure = _last_line(str(error)) if theirs else f"{type(error).__name__}: {error}"
            log = error.log if isinstance(error, UserCodeError) else None
            failed = attempt.unfinished()
            self._fail(failed, attempt.running, masked(str(error) if theirs else traceback.format_exc()), log)
            return [*attempt.states, *[TrialState.FAIL] * len(failed)]
        finally:
            for trial in attempt.trials:
                self.keeper.release(trial)

    def _run_group(self, attempt: Together, group: list[Running]) -> None:
        """Train trials side by side, and others that take the places of those that end."""

        def ended(i: int, result: Result) -> None:
            r = group[i]
            with self._unless_lost(r):
                attempt.states += self._finish(r, result)
            attempt.finished.add(r.trial._trial_id)
            self.keeper.release(r.trial)

        def more(alive: int) -> list[Newcomer]:
            if not self.mixes:
                return []
            new = []
            for trial in self.claim(self.chosen.size - alive):
                attempt.trials.append(trial)
                r = self._start(trial)
                attempt.running.append(r)
                group.append(r)
                new.append(Newcomer(r.config, self.study.spec.seed, r.found.states[0] if r.found else None))
            return new

        def save(states: Sequence[State]) -> None:
            for r, state in zip(group, states, strict=True):
                if r.trial._trial_id not in attempt.finished:
                    r.checkpoint.write([state], r.times)

        results = self._train(
            [r.config for r in group],
            [f"trial-{r.trial.number}" for r in group],
            seed=self.study.spec.seed,
            report=partial(self._judge, group),
            resume=[r.found.states[0] if r.found else None for r in group] if any(r.found for r in group) else (),
            save=Saving(save, self.say),
            ended=ended,
            more=more,
        )
        for i, (r, result) in enumerate(zip(group, results, strict=True)):
            if r.trial._trial_id not in attempt.finished:
                ended(i, result)

    def _train(
        self,
        configs: Sequence[Config],
        labels: Sequence[str],
        *,
        seed: int,
        report: Receiver = lambda reports: (),
        resume: Sequence[State | None] = (),
        save: Saver,
        ended: Callable[[int, Result], None] = lambda member, result: None,
        more: Callable[[int], Sequence[Newcomer]] = lambda alive: (),
    ) -> list[Result]:
        """Train members with the model, from where they stand, or by the script, from the start.

        labels: one a member, for what a script writes.
        """
        spec = self.study.spec
        if self.data is None:
            folders = [self.study.place.state / "scripts" / self.study.name / label for label in labels]
            return script.train(
                configs, spec, folders=folders, device=self.device, seed=seed, report=report, between=leave_if_asked
            )
        return train(
            configs,
            self.data,
            spec.model,
            spec.training,
            seed=seed,
            objective=self.objective,
            fused=self.chosen.fused,
            report=report,
            resume=resume,
            save=save,
            between=leave_before_long,
            ended=ended,
            more=more,
        )

    def _start(self, trial: Trial) -> Running:
        """Ask for the knobs and open the MLflow run."""
        spec = self.study.spec
        params: dict[str, Any] = {}
        overrides = trial.user_attrs.get("overrides", {})
        for name in spec.order():
            if spec.exists(name, {**overrides, **params}):
                params[name] = storage.suggest(trial, name, spec)
        config = spec.config(params, overrides)
        checkpoint = self._checkpoint(trial.number, config, spec.seed)
        found = checkpoint.read()
        run_id, found = self._run(trial, config, found)
        trial.set_user_attr("run_id", run_id)
        trial.set_user_attr("config", config.knobs())
        trial.set_user_attr("name", title(trial.number, config.knobs(), label(trial.user_attrs)))
        r = Running(trial, config, run_id, checkpoint, found)
        for epoch, metrics, when in r.restored():
            # What the worker before had not written any more.
            self._note(r, epoch, metrics, when)
        if r.times:
            self.say(f"trial {trial.number} goes on after epoch {len(r.times)}")
        return r

    def _checkpoint(self, number: int, config: Config, seed: int, part: str = "") -> Checkpoint:
        spec = self.study.spec
        facts = {
            "knobs": config.knobs(),
            "seed": seed,
            "model": spec.model,
            "training": spec.training,
            "objective": spec.objective,
            "data": self.fingerprint,
            "code": self.code,
            "versions": [provenance.versions()[name] for name in ("tuner", "torch")],
        }
        return Checkpoint(self.checkpoints / f"{number}{part}.pt", identity(**facts), self.say)

    def _run(self, trial: Trial, config: Config, found: Found | None) -> tuple[str, Found | None]:
        """The trial's run in MLflow, and the checkpoint if it goes on: one trial has one run, no epoch twice."""
        known, runs = label(trial.user_attrs), self.study.runs
        previous = trial.user_attrs.get("run_id")
        if previous is None and lease.CRASHES in trial.user_attrs:
            # The worker before may have died between making the run and noting it.
            for orphan in self.tracker.runs_of(runs, str(trial.number)):
                self.tracker.delete(orphan)
        if previous and found and self.tracker.resume(previous):
            return previous, found
        if previous and not found:
            self.tracker.delete(previous)  # the trial starts over
        tags = {**self.tags, "trial": str(trial.number), **({"plan": known} if known else {})}
        name = title(trial.number, config.knobs(), known)
        return self.tracker.start_trial(runs, name, config.knobs(), tags), found

    def _note(self, r: Running, epoch: int, metrics: Mapping[str, float], when: int) -> None:
        """Keep what an epoch measured for MLflow and for the storage."""
        self.tracker.epoch(r.run_id, finite(metrics), epoch, when)
        value = metrics.get(self.objective.metric, math.nan)
        if math.isfinite(value):
            r.reports.add(epoch, value)

    def _judge(self, group: list[Running], reports: list[EpochReport]) -> list[int]:
        """Report all, then judge all: returns the positions to stop."""
        pruner = self.study.optuna.pruner
        at = pruner.rungs if isinstance(pruner, RungPruner) else ()
        lost, stop = set(), []
        for report in reports:
            r = group[report.member]
            when = r.ended(report.epoch)
            if r.trial._trial_id in self.keeper.lost:
                lost.add(report.member)
                continue
            with self._unless_lost(r):
                self._note(r, report.epoch, report.metrics, when)
                r.reports.write(wait=report.epoch in at)  # a rung compares: it waits for the storage
        for report in reports:
            r = group[report.member]
            pruned = report.epoch in at and not r.protected and r.trial.should_prune()
            if report.member in lost or pruned:
                stop.append(report.member)
        return stop

    @contextmanager
    def _unless_lost(self, r: Running) -> Iterator[None]:
        """A trial that has ended was taken over: what cannot be written about it is not this worker's to write."""
        try:
            yield
        except UpdateFinishedTrialError:
            self.keeper.lost.add(r.trial._trial_id)

    def _finish(self, r: Running, result: Result) -> list[TrialState]:
        """Store what became of a trial, close its run, then tell Optuna; nothing where it is another worker's now."""
        replicates = self._replicates(r) if r.trial.user_attrs.get("plan") == "baseline" else None
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
        record = {
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "reason": reason,
            "test": rounded(result.test),
            "measures": rounded(result.measures),
            "curves": {name: [_short(v) for v in curve] for name, curve in result.curves.items() if name in kept},
        }
        r.trial.set_user_attr("result", record)
        for name, value in dashboard.columns(record).items():
            r.trial.set_user_attr(name, value)
        tags = {"reason": reason, "epochs": str(result.epochs), "best_epoch": str(result.best_epoch)}
        metrics = {**result.test, **result.measures, "epochs": float(result.epochs)}
        if result.best_epoch:
            metrics[f"best/{self.objective.metric.removeprefix('val/')}"] = result.best_value
        if replicates:
            self.study.optuna.set_user_attr("replicates", replicates)
            metrics |= {f"replicates/{name}": value for name, value in spread(replicates["values"]).items()}
        if result.log is not None:
            tags |= self._keep(r, "log", partial(self.tracker.artifact, r.run_id, result.log))
        if state == TrialState.COMPLETE and self.data is not None and self._leads(result.best_value):
            attach = partial(model_file.log, self.tracker, r.run_id, result, self.study.spec, self.data)
            tags |= self._keep(r, "model", attach)
        # MLflow first: a trial that has ended is nobody's to finish.
        self.tracker.end_trial(r.run_id, state.name, tags, finite(metrics))
        if state == TrialState.COMPLETE:
            self.study.optuna.tell(r.trial, result.best_value)
        else:
            self.study.optuna.tell(r.trial, state=TrialState.PRUNED)
        r.checkpoint.remove()
        self.say(line(r.trial.number, r.config, state.name, result, label(r.trial.user_attrs)))
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

    def _replicates(self, r: Running) -> dict[str, Any]:
        """The baseline again under other seeds: what a result moves by when nothing but chance differs.

        Each is a training with a checkpoint of its own, and those that have ended are kept with the trial.
        """
        spec = self.study.spec
        done: list[list[float]] = list(r.trial.user_attrs.get("replicates", []))
        for i in range(len(done), spec.search.replicates if takes_a_seed(spec) else 0):
            seed = spec.seed + 1_000_003 * (i + 1)
            checkpoint = self._checkpoint(r.trial.number, r.config, seed, f"-{i + 1}")
            found = checkpoint.read()
            (result,) = self._train(
                [r.config],
                [f"trial-{r.trial.number}-replicate-{i + 1}"],
                seed=seed,
                resume=found.states if found else (),
                save=Saving(partial(self._replicated, r, i, checkpoint), self.say),
            )
            done.append([result.best_value, result.epochs])
            r.trial.set_user_attr("replicates", done)
            checkpoint.remove()
        values = [value for value, _ in done if math.isfinite(value)]
        return {"values": values, "epochs": int(sum(epochs for _, epochs in done))}

    def _replicated(self, r: Running, number: int, checkpoint: Checkpoint, states: Sequence[State]) -> None:
        """Write a replicate's checkpoint, and let the storage know that the trial comes along."""
        checkpoint.write(states)
        with impatient(), suppress(*_AWAY):
            r.trial.set_user_attr(lease.BEYOND, number * self.study.spec.training.epochs + states[0]["epoch"])

    def _leads(self, value: float) -> bool:
        """Whether no completed trial is better so far: only then is a model worth keeping."""
        done = storage.trials(self.study.optuna, [TrialState.COMPLETE])
        return not any(self.objective.better(t.value, value) for t in done if t.value is not None)

    def unfinished(self) -> list[str]:
        """Numbers of the trials whose checkpoints may still be needed."""
        there = storage.trials(self.study.optuna, [TrialState.RUNNING, TrialState.WAITING])
        return [str(trial.number) for trial in there]

    def _hand_back(self, trials: Sequence[Trial], running: list[Running], why: str) -> None:
        """Put unfinished trials back into the queue. What cannot be written now is taken over or reclaimed later."""
        with impatient():
            mine = []
            for trial in trials:
                with suppress(*_AWAY):
                    if self.keeper.holds(trial):
                        mine.append(trial)
            # MLflow first: whoever claims the trial goes on with the run.
            for r in running:
                if r.trial in mine:
                    with suppress(*_AWAY, RunError):
                        r.reports.write()
                        self.tracker.end_trial(r.run_id, "INTERRUPTED", {"reason": f"{why}; goes on when claimed"}, {})
            for trial in mine:
                with suppress(*_AWAY):
                    lease.hand_back(self.study.optuna, trial._trial_id, lease.owner_of(trial))

    def _fail(self, trials: Sequence[Trial], running: list[Running], text: str, log: Path | None) -> None:
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
            trial.set_user_attr("result", {"reason": _last_line(text), "traceback": text, "epochs": epochs})
            self.study.optuna.tell(trial, state=TrialState.FAIL)

    def _give_up(self, trial: Trial, why: str) -> None:
        """End a claimed trial whose workers keep dying; its run keeps what they measured."""
        run_id = trial.user_attrs.get("run_id")
        frozen = self.study.optuna._storage.get_trial(trial._trial_id)
        if run_id is not None and self.tracker.resume(run_id):
            found = self._checkpoint(trial.number, config_of(self.study.spec, frozen), self.study.spec.seed).read()
            for epoch, when in enumerate(found.times if found else [], start=1):
                assert found is not None
                self.tracker.epoch(run_id, finite(epoch_metrics(found.states[0], epoch)), epoch, when)
            self.tracker.end_trial(run_id, "FAIL", {"reason": why}, {})
        trial.set_user_attr("result", {"reason": why, "epochs": epochs_run(frozen)})
        self.study.optuna.tell(trial, state=TrialState.FAIL)
        self.keeper.release(trial)
        self.say(f"trial {trial.number} failed: {why}")


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


_AWAY = (SQLAlchemyError, StorageInternalError, OSError, UpdateFinishedTrialError)
"""What a storage raises that cannot be reached, or that has moved on."""


def around_the_trial(error: Exception) -> str | None:
    """What is broken, where it is not the training itself: tracking, storage or disk; None for anything else."""
    if isinstance(error, RunError):
        return str(error)
    if isinstance(error, (SQLAlchemyError, StorageInternalError)):
        cause = getattr(error, "orig", None) or error.__cause__ or error
        return f"the storage failed: {str(cause).splitlines()[0]}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return f"cannot write: {error}"
    return None


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

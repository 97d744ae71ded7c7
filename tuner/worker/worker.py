"""A worker: claim -> train -> report all -> judge all -> tell, until the queue is empty."""

from __future__ import annotations

import gc
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from trainer.calibrate import Choice
from trainer.knobs import Config
from trainer.metrics import EpochReport
from trainer.result import Result
from trainer.resume import State, final_state
from trainer.tensors import TensorData, to_tensors
from trainer.train import Newcomer, Receiver, train
from tuner.errors import RunError, UserCodeError
from tuner.search.pruning import RungPruner
from tuner.search.sampling import sampler
from tuner.spec import places
from tuner.spec.rules import takes_a_seed
from tuner.storage import lease, opening
from tuner.storage.record import config_of, label, title
from tuner.storage.watch import Keeper
from tuner.study import own_code, reference
from tuner.study.population import SHARE
from tuner.study.study import Study
from tuner.system import device as devices
from tuner.system import provenance
from tuner.system.interrupt import Interrupted, leave_before_long, leave_if_asked, signals
from tuner.system.masking import masked
from tuner.tracking.client import Tracker, finite
from tuner.worker.calibrate import choice, describe
from tuner.worker.checkpoint import Checkpoint, Found, Saving, folder, identity, tidy
from tuner.worker.group import Group
from tuner.worker.outcome import Outcomes, around_the_trial, last_line
from tuner.worker.script import train as script
from tuner.worker.trial import Member, Replicate, Running, Together, come_along, stages
from tuner.worker.trial import replicate_seed as replicate_seed
from tuner.worker.trial import replicates_left as replicates_left

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
        while trials := keeper.next(worker.begin, say, stay=stay, meanwhile=partial(reference.ensure, study)):
            states = worker.run(trials)
            finished += len(states)
            failed = failed + len(states) if set(states) == {TrialState.FAIL} else 0
            if failed >= FAILURES_IN_A_ROW:
                raise RunError(f"{failed} trials in a row failed; the last one: {worker.last_failure}")
        tidy(worker.checkpoints, worker.unfinished())
    return finished


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
        """whether members of any epoch and seed can be one model"""
        self.keeper, self.checkpoints = keeper, folder(study.place.state, study.name)
        self.outcomes = Outcomes(study, data, tracker, keeper, say)
        self.objective = study.spec.goal
        self.fingerprint = study.optuna.user_attrs["data_fingerprint"] or ""
        self.tags = provenance.tags(devices.describe(device), study.spec.seed, self.fingerprint)
        self.code = own_code.fingerprints(study.spec)
        self.tags |= {"code": " ".join(f"{name}={digits}" for name, digits in self.code.items())} if self.code else {}
        self.tags |= {"population": describe(chosen)}
        self.last_failure = ""

    def begin(self) -> list[Trial]:
        """Trials from the queue to begin with: those that were under way before, if any, to which new ones come as if
        nothing had happened."""
        waiting = opening.trials(self.study.optuna, [TrialState.WAITING])
        known = sum("run_id" in trial.user_attrs for trial in waiting)
        return self.claim(min(known, self.chosen.size) or self.chosen.size)

    def claim(self, count: int) -> list[Trial]:
        """Up to `count` trials from the queue. One whose workers keep dying ends here."""
        spec = self.study.spec
        found: list[Trial] = []
        while len(found) < count:
            trial = lease.claim(self.study.optuna, self.study.n_trials, partial(sampler, spec))
            if trial is None:
                break
            self.keeper.hold(trial)
            if why := lease.spent(trial):
                frozen = self.study.optuna._storage.get_trial(trial._trial_id)
                reached = self._checkpoint(trial.number, config_of(spec, frozen), spec.seed).read()
                self.outcomes.give_up(trial, why, reached)
            else:
                found.append(trial)
        return found

    def run(self, trials: Sequence[Trial]) -> list[TrialState]:
        """Train claimed trials together and tell how each ended; what another worker took over is left to it.

        Where they are one model, the places of trials that end go to the next ones in the queue.
        """
        attempt = Together(list(trials))
        try:
            for trial in trials:
                attempt.running.append(self.start(trial))
            for group in stages(attempt.running, mixed=self.chosen.fused):
                Group(self, attempt).train(group)
            return attempt.states
        except Interrupted:
            self.outcomes.hand_back(attempt.unfinished(), attempt.running, "interrupted")
            raise
        except Exception as error:
            broken = around_the_trial(error)
            if broken is not None:
                # The trial did nothing wrong and loses nothing; this worker cannot go on.
                self.outcomes.hand_back(attempt.unfinished(), attempt.running, broken)
                raise RunError(f"{broken}. The trial is back in the queue; start again to resume") from error
            # Whatever else breaks is this trial's failure; a fused batch shares its fate.
            theirs = isinstance(error, UserCodeError)
            self.last_failure = last_line(str(error)) if theirs else f"{type(error).__name__}: {error}"
            log = error.log if isinstance(error, UserCodeError) else None
            failed = attempt.unfinished()
            text = masked(str(error) if theirs else traceback.format_exc())
            self.outcomes.fail(failed, attempt.running, text, log)
            return [*attempt.states, *[TrialState.FAIL] * len(failed)]
        finally:
            for trial in attempt.trials:
                self.keeper.release(trial)

    def train(
        self,
        members: Sequence[Member],
        report: Receiver = lambda reports: (),
        save: Callable[[Sequence[State]], None] = lambda states: None,
        ended: Callable[[int, Result], None] = lambda member, result: None,
        more: Callable[[], Sequence[Newcomer]] = lambda: (),
        *,
        fused: bool = False,
    ) -> list[Result]:
        """Train members with the model, from where they stand, or by the script, from the start."""
        spec, configs = self.study.spec, [m.config for m in members]
        seeds = {m.seed for m in members}
        if self.data is None:
            (seed,) = seeds
            folders = [self.study.place.state / "scripts" / self.study.name / m.label for m in members]
            return script.train(
                configs, spec, folders=folders, device=self.device, seed=seed, report=report, between=leave_if_asked
            )
        return train(
            configs,
            self.data,
            spec.model,
            spec.training,
            seed=members[0].seed if len(seeds) == 1 else [m.seed for m in members],
            objective=self.objective,
            fused=fused,
            report=report,
            resume=[m.found.states[0] if m.found else None for m in members] if any(m.found for m in members) else (),
            save=Saving(save, self.say),
            between=leave_before_long,
            ended=ended,
            more=more,
        )

    def finish(self, r: Running, result: Result) -> list[TrialState]:
        """What is left to do for a trial whose training is over."""
        if r.replicates and self.data is not None:
            r.checkpoint.write([final_state(result)], r.times)
        for replicate in list(r.replicates):
            (found,) = self.train([replicate], save=partial(self._save_replicate, replicate))
            self.end_replicate(replicate, found)
        return self.outcomes.finish(r, result)

    def _save_replicate(self, replicate: Replicate, states: Sequence[State]) -> None:
        replicate.save(states[0])
        come_along(replicate.of)

    def end_replicate(self, replicate: Replicate, result: Result) -> None:
        """Keep what became of a replicate."""
        replicate.of.replicates.remove(replicate)
        if replicate.of.trial._trial_id not in self.keeper.lost:
            with self.unless_lost(replicate.of):
                replicate.end(result)

    def start(self, trial: Trial) -> Running:
        """Ask for the knobs and open the MLflow run."""
        spec = self.study.spec
        params: dict[str, Any] = {}
        overrides = trial.user_attrs.get("overrides", {})
        for name in spec.order():
            if spec.exists(name, {**overrides, **params}):
                params[name] = opening.suggest(trial, name, spec)
        config = spec.config(params, overrides)
        checkpoint = self._checkpoint(trial.number, config, spec.seed)
        found = checkpoint.read()
        run_id, found = self._run(trial, config, found)
        trial.set_user_attr("run_id", run_id)
        trial.set_user_attr("config", config.knobs())
        trial.set_user_attr("name", title(trial.number, config.knobs(), label(trial.user_attrs)))
        r = Running(trial, config, spec.seed, run_id, checkpoint, found)
        for number in replicates_left(r, self._replicated(trial)):
            seed = replicate_seed(spec.seed, number)
            its = self._checkpoint(trial.number, config, seed, f"-{number}")
            r.replicates.append(Replicate(r, number, seed, its, its.read()))
        for epoch, metrics, when in r.restored():
            # What the worker before had not written any more.
            self._note(r, epoch, metrics, when)
        if r.times:
            self.say(f"trial {trial.number} goes on after epoch {len(r.times)}")
        return r

    def _replicated(self, trial: Trial) -> int:
        """How often it is trained again under other seeds."""
        spec = self.study.spec
        return spec.search.replicates if trial.user_attrs.get("plan") == "baseline" and takes_a_seed(spec) else 0

    def _checkpoint(self, number: int, config: Config, seed: int, part: str = "") -> Checkpoint:
        spec = self.study.spec
        facts = {
            "knobs": config.knobs(),
            "seed": seed,
            "model": places.bare(spec).model,
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

    def judge(self, members: Sequence[Member], reports: list[EpochReport]) -> list[int]:
        """Report all, then judge all: returns the positions to stop."""
        optuna, pruner = self.study.optuna, self.study.optuna.pruner
        rungs = pruner if isinstance(pruner, RungPruner) else None
        at = rungs.rungs if rungs else ()
        for report in reports:
            r = members[report.member]
            if isinstance(r, Running):
                when = r.ended(report.epoch)
                if r.trial._trial_id not in self.keeper.lost:
                    with self.unless_lost(r):
                        self._note(r, report.epoch, report.metrics, when)
                        r.reports.write(wait=report.epoch in at)  # a rung compares: it waits for the storage
        there = {t.number: t for t in opening.trials(optuna)} if any(r.epoch in at for r in reports) else {}
        standing = {report.member: report.epoch for report in reports}
        for i, member in enumerate(members):
            # Who waits at a rung for others is judged again as they report there: it goes on if it still leads.
            if isinstance(member, Running) and member.result is None and len(member.times) in at:
                standing.setdefault(i, len(member.times))
        stop = []
        for i, epoch in standing.items():
            member = members[i]
            r = member.of if isinstance(member, Replicate) else member
            falls = False
            if rungs and there and epoch in at and not r.protected:
                falls = rungs.stops(there[r.trial.number], there.values(), optuna.direction)
            if falls or r.trial._trial_id in self.keeper.lost:
                stop.append(i)
        return stop

    @contextmanager
    def unless_lost(self, r: Running) -> Iterator[None]:
        """A trial that has ended was taken over: what cannot be written about it is not this worker's to write."""
        try:
            yield
        except UpdateFinishedTrialError:
            self.keeper.lost.add(r.trial._trial_id)

    def unfinished(self) -> list[str]:
        """Numbers of the trials whose checkpoints may still be needed."""
        there = opening.trials(self.study.optuna, [TrialState.RUNNING, TrialState.WAITING])
        return [str(trial.number) for trial in there]

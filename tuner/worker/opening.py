"""How a trial begins: it is claimed, its knobs are asked for, its run in MLflow is opened, its checkpoint is read."""

from __future__ import annotations

from functools import partial
from typing import Any

from optuna.trial import Trial, TrialState

from trainer.calibrate import Choice
from trainer.knobs import Config
from tuner.search.sampling import sampler
from tuner.spec import places
from tuner.spec.rules import takes_a_seed
from tuner.storage import lease, opening
from tuner.storage.record import StudyRecord, TrialRecord, config_of, title, write_started
from tuner.storage.watch import Keeper
from tuner.study import own_code
from tuner.study.study import Study
from tuner.system import device as devices
from tuner.system import provenance
from tuner.tracking.client import Tracker
from tuner.worker.calibrate import describe
from tuner.worker.checkpoint import Checkpoint, Found, folder, identity
from tuner.worker.outcome import Outcomes
from tuner.worker.trial import Replicate, Running, replicate_seed, replicates_left


class Opening:
    """Claims trials and begins them, or goes on with them."""

    def __init__(
        self, study: Study, tracker: Tracker, keeper: Keeper, outcomes: Outcomes, *, device: str, chosen: Choice
    ) -> None:
        self.study, self.tracker, self.keeper, self.outcomes = study, tracker, keeper, outcomes
        self.checkpoints = folder(study.place.state, study.name)
        self.fingerprint = StudyRecord.of(study.optuna).data_fingerprint or ""
        self.code = own_code.fingerprints(study.spec)
        self.tags = provenance.tags(devices.describe(device), study.spec.seed, self.fingerprint)
        self.tags |= {"code": " ".join(f"{name}={digits}" for name, digits in self.code.items())} if self.code else {}
        self.tags |= {"population": describe(chosen)}

    def under_way(self) -> int:
        """How many trials wait that were trained before."""
        waiting = opening.trials(self.study.optuna, [TrialState.WAITING])
        return sum(TrialRecord.of(trial).run_id is not None for trial in waiting)

    def claim(self, count: int) -> list[Trial]:
        """Up to `count` trials from the queue. One whose workers keep dying ends here."""
        spec = self.study.spec
        claimed: list[Trial] = []
        while len(claimed) < count:
            trial = lease.claim(self.study.optuna, self.study.n_trials, partial(sampler, spec))
            if trial is None:
                break
            self.keeper.hold(trial)
            if why := lease.spent(trial):
                frozen = self.study.optuna._storage.get_trial(trial._trial_id)
                reached = self._checkpoint(trial.number, config_of(spec, frozen), spec.seed).read()
                self.outcomes.give_up(trial, why, reached)
            else:
                claimed.append(trial)
        return claimed

    def start(self, trial: Trial) -> Running:
        """Ask for the knobs and open the MLflow run."""
        spec = self.study.spec
        params: dict[str, Any] = {}
        record = TrialRecord.of(trial)
        overrides = record.overrides
        for name in spec.order():
            if spec.exists(name, {**overrides, **params}):
                params[name] = opening.suggest(trial, name, spec)
        config = spec.config(params, overrides)
        checkpoint = self._checkpoint(trial.number, config, spec.seed)
        run_id, reached = self._run(trial.number, record, config, checkpoint.read())
        write_started(trial, run_id, config.knobs())
        r = Running(trial, config, spec.seed, run_id, checkpoint, reached)
        for number in replicates_left(record, self._replicated(record)):
            seed = replicate_seed(spec.seed, number)
            of_replicate = self._checkpoint(trial.number, config, seed, f"-{number}")
            r.replicates.append(Replicate(r, number, seed, of_replicate, of_replicate.read()))
        return r

    def _replicated(self, record: TrialRecord) -> int:
        """How often it is trained again under other seeds."""
        spec = self.study.spec
        return spec.search.replicates if record.is_baseline and takes_a_seed(spec) else 0

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
        return Checkpoint(self.checkpoints / f"{number}{part}.pt", identity(**facts), self.outcomes.say)

    def _run(self, number: int, record: TrialRecord, config: Config, reached: Found | None) -> tuple[str, Found | None]:
        """The trial's run in MLflow, and the checkpoint if it goes on: one trial has one run, no epoch twice."""
        runs, previous = self.study.runs, record.run_id
        if previous is None and record.crashed:
            # The worker before may have died between making the run and noting it.
            for orphan in self.tracker.runs_of(runs, str(number)):
                self.tracker.delete(orphan)
        if previous and reached and self.tracker.resume(previous):
            return previous, reached
        if previous and not reached:
            self.tracker.delete(previous)  # the trial starts over
        tags = {**self.tags, "trial": str(number), **({"plan": record.label} if record.label else {})}
        name = title(number, config.knobs(), record.label)
        return self.tracker.start_trial(runs, name, config.knobs(), tags), reached

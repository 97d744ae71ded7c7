"""Paired blocks: all arms under one fresh seed, as trials of a queue that any number of workers share."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState

from trainer.knobs import Config
from tuner import names, storage
from tuner.errors import InputError
from tuner.masking import masked
from tuner.spec import Spec
from tuner.study import Place, load_data, spec_dict
from tuner.study_file import parse
from tuner.validate.recommendation import NULL

FRESH = 1_000_000_007
"""Block seeds start here, far from the seeds that a search uses."""
CURVES = ("val/weighted_f1", "val/cross_entropy", "train/cross_entropy", "weighted/total", "val/mse")
KIND = "validation"
"""The study attribute that tells a validation from a search."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed before the first run."""

    spec: Spec
    """data, model and training; its knobs play no part"""
    arms: dict[str, Config]
    """the baseline first; the null arm is added to every block"""
    primary: str
    margin: float
    claims: list[dict[str, Any]]
    seeds: int
    """blocks; the most that are run where `until_decided`"""
    until_decided: bool = False
    """look after every few blocks and stop when all verdicts are clear, with intervals that allow for looking"""
    doses: dict[str, float] = field(default_factory=dict)
    """arms of the dose-response and their doses; they are compared with each other only"""
    ladder: list[str] = field(default_factory=list)
    factorial: dict[str, str] | None = None

    def as_data(self) -> dict[str, Any]:
        """Plain data, from which `from_data` makes the plan again."""
        return {
            "spec": spec_dict(self.spec),
            "arms": {name: config.knobs() for name, config in self.arms.items()},
            "primary": self.primary,
            "margin": self.margin,
            "claims": self.claims,
            "seeds": self.seeds,
            "until_decided": self.until_decided,
            "doses": self.doses,
            "ladder": self.ladder,
            "factorial": self.factorial,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Plan:
        """The inverse of `as_data`."""
        spec = parse(data["spec"])
        arms = {name: spec.vocabulary.config(knobs) for name, knobs in data["arms"].items()}
        return cls(**{**data, "spec": spec, "arms": arms})

    @property
    def candidates(self) -> list[str]:
        """Arms that are compared with the baseline: all but it and those of the dose-response alone."""
        base = next(iter(self.arms))
        named = {base, *self.ladder, *(c["candidate"] for c in self.claims), *(c["baseline"] for c in self.claims)}
        only_doses = {name for name, dose in self.doses.items() if name.endswith(f"={dose:g}")} - named
        return [name for name in self.arms if name != base and name not in only_doses]

    def fingerprint(self) -> str:
        """Eight characters that change with anything that is fixed."""
        return hashlib.sha256(json.dumps(self.as_data(), sort_keys=True).encode()).hexdigest()[:8]


@dataclass(slots=True)
class Validation:
    """An open validation."""

    name: str
    plan: Plan
    place: Place
    optuna: optuna.Study


def create_or_resume(
    place: Place, label: str, plan: Plan, fingerprint: str, register: Callable[[str], dict[str, str]]
) -> Validation:
    """The validation of exactly this plan, made where there is none.

    fingerprint: of the data; refuses data that changed since the validation was made. `register` writes the plan to
    MLflow before any run, given the validation's name, and returns the ids of its runs.
    """
    name = names.check(f"validate-{label}-{plan.fingerprint()}")
    opened = storage.open_storage(place.storage)
    if name not in storage.study_names(opened):
        runs = register(name)
        made = optuna.create_study(study_name=name, storage=opened, direction="maximize")
        try:
            made.set_user_attr("mlflow", runs)
            made.set_user_attr("data_fingerprint", fingerprint)
            made.set_user_attr(KIND, plan.as_data())
        except BaseException:
            # Interrupted half-way: the name must not stay taken by something that cannot be opened.
            optuna.delete_study(study_name=name, storage=opened)
            raise
    study = storage.load_study(opened, name)
    known = study.user_attrs.get("data_fingerprint")
    if known not in (None, fingerprint):
        raise InputError(
            f"validation {name} was made on other data: fingerprint {known}, found {fingerprint} in "
            f"{plan.spec.data.path or plan.spec.data.source}; choose another --state, or put the data back"
        )
    return Validation(name, plan, place, study)


def enqueue(validation: Validation, blocks: int) -> None:
    """Fill the queue up to so many blocks."""
    for block in range(len(storage.trials(validation.optuna)), blocks):
        validation.optuna.enqueue_trial({}, user_attrs={"block": block})


def open_validation(place: Place, name: str) -> Validation | None:
    """The validation of that name, or None where the name is a search's."""
    study = storage.load_study(storage.open_storage(place.storage), names.check(name))
    data = study.user_attrs.get(KIND)
    return None if data is None else Validation(name, Plan.from_data(data), place, study)


def work(validation: Validation, *, device: str, say: Callable[[str], None] = print) -> int:
    """Run blocks until none waits; returns how many this worker ran."""
    import torch

    from tuner.interrupt import Interrupted, signals

    if device == "cpu":
        torch.set_num_threads(1)
    count = 0
    with signals():
        storage.reclaim(validation.optuna)
        while trial := storage.claim(validation.optuna, validation.plan.seeds, lambda n: RandomSampler(seed=n)):
            try:
                before = validation.optuna._storage.get_trial(trial._trial_id).intermediate_values
                record = run_block(validation.plan, trial, device, reported=max(before, default=0))
            except (Interrupted, KeyboardInterrupt):
                storage.hand_back(validation.optuna, trial._trial_id)
                raise
            except Exception:
                trial.set_user_attr("reason", masked(traceback.format_exc()))
                validation.optuna.tell(trial, state=TrialState.FAIL)
                raise
            trial.set_user_attr("arms", record)
            base = next(iter(validation.plan.arms))
            validation.optuna.tell(trial, record[base]["test"].get("test/weighted_f1", 0.0))
            count += 1
            say(f"block {trial.number + 1} of {validation.plan.seeds}")
    return count


def run_block(plan: Plan, trial: Trial, device: str, reported: int = 0) -> dict[str, Any]:
    """Train every arm and the null arm under the block's seed; one record an arm.

    reported: last epoch that was reported before the block was interrupted.
    """
    from trainer.tensors import to_tensors
    from trainer.train import train
    from tuner.interrupt import leave_if_asked

    seed = FRESH + plan.spec.seed * 100_000 + trial.number
    # Where the data has no fixed split, the seed decides it too.
    data = load_data(plan.spec.model_copy(update={"seed": seed}))
    tensors = to_tensors(data, plan.spec.model, device)
    rare = rarest(np.bincount(data.labels[data.labels >= 0], minlength=data.n_classes))
    rare_names = [f"test_f1/{data.label_names[i]}" for i in rare]
    total = plan.spec.training.epochs * 2

    def run(configs: list[Config], noise: int) -> list[dict[str, Any]]:
        def report(reports: list[Any]) -> tuple[()]:
            leave_if_asked()
            epoch = reports[0].epoch + noise * plan.spec.training.epochs
            if epoch > reported:
                trial.report(epoch / total, epoch)
            return ()

        results = train(configs, tensors, plan.spec.model, plan.spec.training, seed=seed, noise=noise, report=report)
        return [record(result, rare_names) for result in results]

    found = dict(zip(plan.arms, run(list(plan.arms.values()), 0), strict=True))
    found[NULL] = run([plan.arms[next(iter(plan.arms))]], 1)[0]
    return found


def record(result: Any, rare: list[str]) -> dict[str, Any]:
    """What the comparison needs of one run; plain data."""
    if result.state != "complete":
        return {"state": "diverged", "reason": result.reason, "test": {}, "curves": {}}
    norms, last = result.norms, {name: curve[-1] for name, curve in result.curves.items()}
    measures = result.measures
    effective = [v for v in result.curves.get("grad/effective_weight", []) if np.isfinite(v)]
    return {
        "state": "complete",
        "best_epoch": result.best_epoch,
        "test": {n: v for n, v in result.test.items() if n.startswith("test/")},
        "minority_f1": float(np.mean([result.test[name] for name in rare])),
        "curves": {name: [float(f"{v:.6g}") for v in result.curves[name]] for name in CURVES},
        "gradient_cv": measures["convergence/gradient_cv"],
        "gradient_sd": float(norms.std()),
        "explosion_share": measures["convergence/explosion_share"],
        "gate_saturation": float(np.mean([last[f"gate/{g}_saturated"] for g in ("temporal", "forget", "input")])),
        "effective_weight": float(np.mean(effective)) if effective else None,
    }


def rarest(counts: np.ndarray) -> list[int]:
    """The rarest third of the classes, at least one: indices, rarest first; counts (C,)."""
    order = np.argsort(counts, kind="stable")
    return [int(i) for i in order[: max(1, len(counts) // 3)]]


def records(validation: Validation) -> dict[str, list[dict[str, Any]]]:
    """Finished blocks by arm, in the order of the blocks."""
    done = storage.trials(validation.optuna, [TrialState.COMPLETE])
    if not done:
        raise InputError(f"validation {validation.name} has no finished block")
    names = [*validation.plan.arms, NULL]
    return {name: [t.user_attrs["arms"][name] for t in sorted(done, key=lambda t: t.number)] for name in names}

"""Paired blocks: all arms under one fresh seed, as trials of a queue that any number of workers share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from trainer.knobs import Config
from tuner.errors import InputError, RunError
from tuner.storage.record import BlockRecord, Runs, StudyRecord, ValidationRecord, check_format, write_plan
from tuner.storage.store import Store
from tuner.study import making, moved
from tuner.study.study import load_data, whole
from tuner.system import names, provenance
from tuner.system.place import Place
from tuner.validation import queue
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL

if TYPE_CHECKING:
    from trainer.calibrate import Choice
    from trainer.tensors import TensorData
    from tuner.worker.checkpoint import Checkpoint

FRESH = 1_000_000_007
"""Block seeds start here, far from the seeds that a search uses."""
RACE = 50_000
"""Blocks of a race start so many seeds later: a validation of its answer has seeds that the race did not see."""
CURVES = (
    "val/weighted_f1",
    "val/cross_entropy",
    "train/cross_entropy",
    "weighted/total",
    "val/mse",
    "grad/classification_norm",
)


@dataclass(slots=True)
class Validation:
    """An open validation."""

    name: str
    plan: Plan
    place: Place
    optuna: optuna.Study

    @property
    def runs(self) -> Runs:
        """Its MLflow experiment and parent run."""
        runs = ValidationRecord.of(self.optuna).runs
        assert runs is not None, "written before the plan"
        return runs


def create_or_resume(
    where: Place | Store, label: str, plan: Plan, fingerprint: str, register: Callable[[str], Runs]
) -> Validation:
    """The validation of exactly this plan, made where there is none; by one of several callers at the same moment.

    fingerprint: of the data; refuses data that changed since the validation was made. `register` writes the plan to
    MLflow before any run, given the validation's name, and returns the ids of its runs.
    """
    kind = "race" if plan.race_of else "validate"
    name = names.check(f"{kind}-{label}-{plan.fingerprint(fingerprint)}")
    store = Store.of(where)
    opened = store.storage
    study = making.settled(opened, name, whole)
    if study is None:

        def write(study: optuna.Study) -> None:
            ValidationRecord(
                plan=plan.as_data(),
                runs=register(name),
                data_fingerprint=fingerprint,
                versions=provenance.versions(),
                state_folder=store.place.state,
            ).write(study)

        making.make(opened, name, "MAXIMIZE", write)
        study = making.settled(opened, name, whole)
    if study is None or not whole(study):
        raise RunError(f"validation {name} is being made by another process, which gave up; try again")
    record = ValidationRecord.of(study)
    known = record.data_fingerprint
    if known not in (None, fingerprint):
        raise InputError(
            f"validation {name} was made on other data: fingerprint {known}, found {fingerprint} in "
            f"{plan.spec.data.path or plan.spec.data.source}; choose another --state, or put the data back"
        )
    if record.plan != plan.as_data():
        # The same plan, whose files are elsewhere by now: workers read it from the storage.
        write_plan(study, plan.as_data(), store.place.state)
    return Validation(name, plan, store.place, study)


def open_validation(where: Place | Store, name: str) -> Validation | None:
    """The validation of that name, or None where the name is a search's."""
    store = Store.of(where)
    study = store.load(names.check(name))
    record = ValidationRecord.of(study)
    if record.plan is None:
        return None
    check_format(record.format, f"validation {name}")
    plan = Plan.from_data(dict(record.plan))
    spec = moved.here(plan.spec, record.state_folder, StudyRecord.of(study).code, store.place)
    return Validation(name, replace(plan, spec=spec), store.place, study)


def run_block(
    plan: Plan,
    block: int,
    device: str,
    tell: Callable[[int, float], None] = lambda step, share: None,
    part: Callable[[str], Checkpoint] | None = None,
    folder: Path = Path("."),
    choose: Callable[[TensorData], Choice] | None = None,
    arms: Sequence[str] = (),
) -> dict[str, Any]:
    """Train every arm and the null arm under the seed of the block (0 for the first); one record an arm.

    arms: only these; a race has no null arm.

    tell: hears after each epoch how far the block is: step 1, 2, .. and the share of all.
    part: makes the checkpoint of a part of the block, from which that part goes on; without it the block has none.
    folder: for what a script writes; an arm that it has run already is not run again. choose: how many arms to train at
    once, in near-equal groups; without it one by one.
    """
    from trainer.calibrate import Choice
    from trainer.tensors import to_tensors
    from trainer.train import train
    from tuner.system.interrupt import leave_before_long
    from tuner.worker.calibrate import groups
    from tuner.worker.checkpoint import Saving

    seed, configs_of = seed_of(plan, block), {name: plan.arms[name] for name in arms or plan.arms}
    if plan.spec.command is not None:
        return _run_script(plan, configs_of, device, seed, tell, folder)
    # Where the data has no fixed split, the seed decides it too.
    data = load_data(plan.spec.model_copy(update={"seed": seed}))
    tensors = to_tensors(data, plan.spec.model, device)
    rare = rarest(np.bincount(data.labels[data.labels >= 0], minlength=data.n_classes))
    rare_names = [f"test_f1/{data.label_names[i]}" for i in rare]
    epochs = plan.spec.training.epochs

    chosen = choose(tensors) if choose else Choice()
    # The null arm: the baseline again, with another dropout and batch order. It shares a stack where it can.
    every = [(config, 0) for config in configs_of.values()]
    every += [] if plan.race_of else [(plan.baseline, 1)]
    if plan.race_of or (chosen.fused and tensors.mixes):
        parts = groups(len(every), chosen)
    else:
        parts = [*groups(len(configs_of), chosen), slice(len(configs_of), None)]

    def run(number: int) -> list[dict[str, Any]]:
        configs, noises = zip(*every[parts[number]], strict=True)
        null = set(noises) == {1}

        def report(reports: list[Any]) -> tuple[()]:
            step = reports[0].epoch + number * epochs
            tell(step, step / (len(parts) * epochs))
            return ()

        noise = list(noises) if len(set(noises)) > 1 else noises[0]
        options: dict[str, Any] = {"seed": seed, "noise": noise, "report": report, "between": leave_before_long}
        options["fused"] = chosen.fused and len(configs) > 1
        if part is not None:
            checkpoint = part("null" if null else f"arms-{number}" if number else "arms")
            found = checkpoint.read()
            options |= {"resume": found.states if found else (), "save": Saving(checkpoint.write, print)}
        results = train(configs, tensors, plan.spec.model, plan.spec.training, **options)
        return [record(result, rare_names) for result in results]

    done = [one for number in range(len(parts)) for one in run(number)]
    return dict(zip(_named(plan, configs_of), done, strict=True))


def seed_of(plan: Plan, block: int) -> int:
    """The seed of a block: one that no search uses, and of a race one that no validation uses."""
    return FRESH + plan.spec.seed * 100_000 + (RACE if plan.race_of else 0) + block


def _named(plan: Plan, configs: Iterable[str]) -> list[str]:
    return [*configs, *([] if plan.race_of else [NULL])]


def _run_script(
    plan: Plan,
    configs: Mapping[str, Config],
    device: str,
    seed: int,
    tell: Callable[[int, float], None],
    folder: Path,
) -> dict[str, Any]:
    """The same with a script, one run after the other; the null arm is the baseline under another seed."""
    from tuner.system.interrupt import leave_if_asked
    from tuner.worker.script.train import train

    names = _named(plan, configs)
    whole, epochs = len(names) * plan.spec.training.epochs, plan.spec.training.epochs
    found: dict[str, Any] = {}
    for i, name in enumerate(names):

        def report(reports: list[Any], before: int = i * epochs) -> tuple[()]:
            step = before + min(reports[0].epoch, epochs)
            tell(step, step / whole)
            return ()

        config, inside = plan.arms[name if name != NULL else names[0]], folder / names_for_files(name)
        done = inside / "record.json"
        if done.exists():
            # The block was interrupted after this arm.
            found[name] = json.loads(done.read_text())
            continue
        (result,) = train(
            [config],
            plan.spec,
            folders=[inside],
            device=device,
            seed=seed,
            noise=int(name == NULL),
            report=report,
            between=leave_if_asked,
        )
        found[name] = record(result, [], plan.spec.objective)
        if result.state == "complete":
            found[name]["reported"] = {**result.test, plan.spec.objective: result.best_value}
        done.write_text(json.dumps(found[name]))
    return found


def names_for_files(arm: str) -> str:
    """An arm's name as that of a folder: it may be a path or hold a slash."""
    return re.sub(r"[^\w.=-]+", "_", arm).strip(".") or "arm"


def record(result: Any, rare: list[str], *more: str) -> dict[str, Any]:
    """What the comparison needs of one run; plain data, without what such a run does not measure.

    rare: test scores of the rarest classes; more: further curves.
    """
    if result.state != "complete":
        return {"state": "diverged", "reason": result.reason, "test": {}, "curves": {}}
    last = {name: curve[-1] for name, curve in result.curves.items()}
    gates = [last[name] for g in ("temporal", "forget", "input") if (name := f"gate/{g}_saturated") in last]
    effective = [v for v in result.curves.get("grad/effective_weight", []) if np.isfinite(v)]
    found = {
        "state": "complete",
        "best_epoch": result.best_epoch,
        "test": {n: v for n, v in result.test.items() if n.startswith("test/")},
        "curves": {n: [float(f"{v:.6g}") for v in result.curves[n]] for n in (*CURVES, *more) if n in result.curves},
        "effective_weight": float(np.mean(effective)) if effective else None,
    }
    if rare:
        found["minority_f1"] = float(np.mean([result.test[name] for name in rare]))
    if len(result.norms):
        found["gradient_cv"] = result.measures["convergence/gradient_cv"]
        found["gradient_sd"] = float(result.norms.std())
        found["explosion_share"] = result.measures["convergence/explosion_share"]
    if gates:
        found["gate_saturation"] = float(np.mean(gates))
    return found


def rarest(counts: np.ndarray) -> list[int]:
    """The rarest third of the classes, at least one: indices, rarest first; counts (C,)."""
    order = np.argsort(counts, kind="stable")
    return [int(i) for i in order[: max(1, len(counts) // 3)]]


def records(validation: Validation) -> dict[str, list[dict[str, Any]]]:
    """Finished blocks by arm, in the order of the blocks."""
    there = queue.by_block(validation.optuna)
    done = [trial for _, trial in sorted(there.items()) if trial.state == TrialState.COMPLETE]
    if not done:
        raise InputError(f"validation {validation.name} has no finished block")
    return {name: [BlockRecord.of(t).arms[name] for t in done] for name in (*validation.plan.arms, NULL)}

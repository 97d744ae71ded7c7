"""How far a study is and what it found, as plain data: what `status --json` prints and everything shown is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from trainer.config import BUILT_IN
from trainer.knobs import Config
from tuner import lease, storage
from tuner.spec import Spec
from tuner.study import Study

_NAMES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def summarise(study: Study) -> dict[str, Any]:
    """The state of a study as plain data; the first nine keys are the command-line contract."""
    attrs = study.optuna.user_attrs
    # Each look at an attribute of the study or at its trials reads the storage: once is enough.
    asked = attrs["n_trials"]
    there = [t for t in storage.trials(study.optuna) if t.number < asked or t.state != TrialState.WAITING]
    counts = dict.fromkeys(_NAMES.values(), 0)
    for trial in there:
        counts[_NAMES[trial.state.name]] += 1
    budget = study.spec.training.epochs
    best = best_of(there, study.optuna.direction.name)
    named = {t.user_attrs["plan"]: t for t in there if "plan" in t.user_attrs}
    speeds = attrs.get("speeds", {})
    return {
        "name": study.name,
        "state": _state(there, counts),
        "metric": study.spec.objective,
        "direction": study.optuna.direction.name.lower(),
        "trials": counts,
        "epochs_run": sum(epochs_run(t) for t in there),
        "epochs_full": sum(_epochs_full(t, budget) for t in there),
        "best": entry(best, speeds),
        "baseline": entry(named.get("baseline"), speeds),
        "plans": {name: entry(trial, speeds) for name, trial in named.items() if name != "baseline"},
        "at_edge": study.spec.at_edge(best.params) if best else [],
        "pruned": {t.number: reason(t) for t in there if t.state == TrialState.PRUNED},
        "failed": {t.number: reason(t) for t in there if t.state == TrialState.FAIL},
        "replicates": attrs.get("replicates"),
        "reference": attrs.get("reference"),
        "diagnosis": attrs.get("diagnosis", []),
        "verdicts": attrs.get("verdicts", []),
    }


def best_trial(study: Study) -> FrozenTrial | None:
    """The best completed trial, the earliest of equals; None before there is one."""
    return best_of(storage.trials(study.optuna), study.optuna.direction.name)


def best_of(trials: Sequence[FrozenTrial], direction: str) -> FrozenTrial | None:
    """The best completed one of some trials; direction: MAXIMIZE or MINIMIZE."""
    done = [t for t in trials if t.state == TrialState.COMPLETE and t.value is not None]
    sign = -1.0 if direction == "MAXIMIZE" else 1.0
    return min(done, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)


def entry(trial: FrozenTrial | None, speeds: Mapping[str, dict[str, float]]) -> dict[str, Any] | None:
    """A trial in brief; value is None until it completes. speeds: measures that need the baseline, by trial number."""
    if trial is None:
        return None
    result = trial.user_attrs.get("result", {})
    complete = trial.state == TrialState.COMPLETE
    found = {
        "number": trial.number,
        "value": trial.value if complete else None,
        "params": trial.user_attrs.get("config", {}),
        "run_id": trial.user_attrs.get("run_id"),
    }
    if complete:
        found |= {"best_epoch": result.get("best_epoch"), "test": result.get("test", {})}
        found["measures"] = {**result.get("measures", {}), **speeds.get(str(trial.number), {})}
    return found


def epochs_run(trial: FrozenTrial) -> int:
    """Epochs that a trial was trained."""
    recorded = trial.user_attrs.get("result", {}).get("epochs")
    return int(recorded) if recorded else max(trial.intermediate_values, default=0)


def _epochs_full(trial: FrozenTrial, budget: int) -> int:
    """What a trial would have cost unpruned. One that ended by itself cost what it did."""
    cut = trial.state == TrialState.PRUNED and not diverged(trial)
    return max(budget, epochs_run(trial)) if cut else epochs_run(trial)


def reason(trial: FrozenTrial) -> str:
    """Why a trial was pruned or failed."""
    return str(trial.user_attrs.get("result", {}).get("reason", ""))


def diverged(trial: FrozenTrial) -> bool:
    """Whether a trial was pruned because its training broke down."""
    return trial.state == TrialState.PRUNED and reason(trial).startswith("diverged")


def label(attrs: Mapping[str, Any]) -> str | None:
    """What a trial was enqueued as, from its user attributes: a plan, or a config of an earlier study; None if free."""
    origin = attrs.get("from")
    return f"from {origin['study']} #{origin['trial']}" if origin else attrs.get("plan")


def title(number: int, knobs: Mapping[str, Any], plan: str | None = None) -> str:
    """A short name for what differs between trials: `#12 w=0.031 smooth_l1 gate=0.01 focal=1.2`."""
    parts = [part for name, value in knobs.items() if (part := _brief(name, value))]
    return " ".join([f"#{number}", *parts]) + (f" ({plan})" if plan else "")


_SHORT = {"encoder_loss_weight": "w", "gate_reg_weight": "gate", "focal_gamma": "focal", "warmup_epochs": "warmup"}
_ALWAYS = ("encoder_loss_weight", "reconstruction_loss", "gate_reg_weight", "warmup_epochs")
"""Shown even where they are as usual."""
_SAID_BY_ANOTHER = (("weighting", "warmup"), ("classification_loss", "focal"))
_SELF_EXPLAINING = ("reconstruction_loss", "weighting")


def _brief(name: str, value: Any) -> str:
    """One knob in a few characters; nothing where it is as usual or another knob says it."""
    if (name, value) in _SAID_BY_ANOTHER or (name not in _ALWAYS and BUILT_IN.defaults.get(name) == value):
        return ""
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    return shown if name in _SELF_EXPLAINING else f"{_SHORT.get(name, name.removesuffix('_weight'))}={shown}"


def config_of(spec: Spec, trial: FrozenTrial) -> Config:
    """The complete config of a trial that has started."""
    return spec.vocabulary.config(trial.user_attrs["config"])


def curve(trial: FrozenTrial, metric: str) -> list[float]:
    """A kept curve of a finished trial; NaN where an epoch has no value."""
    stored = trial.user_attrs.get("result", {}).get("curves", {}).get(metric, [])
    return [math.nan if value is None else float(value) for value in stored]


def _state(trials: list[FrozenTrial], counts: dict[str, int]) -> str:
    """waiting, running, interrupted, complete or failed (no trial completed)."""
    if any(t.state == TrialState.RUNNING and not lease.abandoned(t) for t in trials):
        return "running"
    if counts["running"] or counts["waiting"]:
        untouched = counts["waiting"] == len(trials) and not any(t.intermediate_values for t in trials)
        return "waiting" if untouched else "interrupted"
    return "complete" if counts["complete"] else "failed"

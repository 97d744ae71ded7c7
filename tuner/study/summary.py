"""How far a study is and what it found, as plain data: what `status --json` prints and everything shown is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from tuner.storage import lease, opening
from tuner.storage.record import TrialRecord, best_of, diverged, epochs_run, plain, reason
from tuner.study import script_notes
from tuner.study.answer import answer_of
from tuner.study.study import Study

_NAMES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def summarise(study: Study) -> dict[str, Any]:
    """The state of a study as plain data; the first ten keys are the command-line contract."""
    record = study.record
    # Each look at an attribute of the study or at its trials reads the storage: once is enough.
    asked = record.n_trials
    there = [t for t in opening.trials(study.optuna) if t.number < asked or t.state != TrialState.WAITING]
    counts = dict.fromkeys(_NAMES.values(), 0)
    for trial in there:
        counts[_NAMES[trial.state.name]] += 1
    budget = study.spec.training.epochs
    best = best_of(there, study.optuna.direction.name)
    named = {plan: t for t in there if (plan := TrialRecord.of(t).plan) is not None}
    speeds = record.speeds
    answer = answer_of(study)
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
        "answer": answer and answer.as_data(),
        "plans": {name: entry(trial, speeds) for name, trial in named.items() if name != "baseline"},
        "at_edge": study.spec.at_edge(best.params) if best else [],
        "pruned": {t.number: reason(t) for t in there if t.state == TrialState.PRUNED},
        "failed": {t.number: reason(t) for t in there if t.state == TrialState.FAIL},
        "replicates": plain(record.replicates),
        "reference": plain(record.reference),
        "diagnosis": plain(record.diagnosis),
        "verdicts": plain(record.verdicts),
        "notes": script_notes.found(study.spec, study.optuna.pruner, there),
    }


def best_trial(study: Study) -> FrozenTrial | None:
    """The best completed trial, the earliest of equals; None before there is one."""
    return best_of(opening.trials(study.optuna), study.optuna.direction.name)


def entry(trial: FrozenTrial | None, speeds: Mapping[int, Mapping[str, float]]) -> dict[str, Any] | None:
    """A trial in brief; value is None until it completes. speeds: measures that need the baseline, by trial number."""
    if trial is None:
        return None
    record = TrialRecord.of(trial)
    result = record.result
    complete = trial.state == TrialState.COMPLETE
    found = {
        "number": trial.number,
        "value": trial.value if complete else None,
        "params": record.config or {},
        "run_id": record.run_id,
    }
    if complete:
        found |= {"best_epoch": result.best_epoch, "test": result.test}
        found["measures"] = {**result.measures, **speeds.get(trial.number, {})}
    return found


def _epochs_full(trial: FrozenTrial, budget: int) -> int:
    """What a trial would have cost unpruned. One that ended by itself cost what it did."""
    cut = trial.state == TrialState.PRUNED and not diverged(trial)
    return max(budget, epochs_run(trial)) if cut else epochs_run(trial)


def _state(trials: list[FrozenTrial], counts: dict[str, int]) -> str:
    """waiting, running, interrupted, complete or failed (no trial completed)."""
    if any(t.state == TrialState.RUNNING and not lease.abandoned(t) for t in trials):
        return "running"
    if counts["running"] or counts["waiting"]:
        untouched = counts["waiting"] == len(trials) and not any(t.intermediate_values for t in trials)
        return "waiting" if untouched else "interrupted"
    return "complete" if counts["complete"] else "failed"

"""What validations have said about a config."""

from __future__ import annotations

from typing import Any

from optuna.trial import FrozenTrial, TrialState

from trainer.knobs import Config
from tuner.spec.edit import spec_dict
from tuner.storage import opening
from tuner.storage.record import ValidationRecord, config_of
from tuner.study.study import Study


def verdict(study: Study, config: Config) -> dict[str, Any] | None:
    """The newest finished verdict on `config` against the first arm, on the same code and data, or None."""
    fingerprint = study.record.data_fingerprint
    same = {part: spec_dict(study.spec)[part] for part in ("model", "command")}
    for s in study.store.newest_first():
        record = ValidationRecord.of(s)
        plan = record.plan
        if plan is None or plan.get("race_of") or record.data_fingerprint != fingerprint:
            continue
        arm = next((name for name, knobs in list(plan["arms"].items())[1:] if knobs == config.knobs()), None)
        if arm and same.items() <= plan["spec"].items() and (found := _judged(study, s.study_name, arm)):
            return found
    return None


def of_trial(study: Study, trial: FrozenTrial) -> dict[str, Any] | None:
    """The verdict of a validation on a trial's config, for what is exported; None where there is none."""
    return verdict(study, config_of(study.spec, trial))


def _judged(study: Study, name: str, arm: str) -> dict[str, Any] | None:
    """The verdict on an arm of a validation; None where blocks are still to be run."""
    from tuner.validation import blocks
    from tuner.validation.verdict import judge

    opened = blocks.open_validation(study.store, name)
    assert opened is not None
    states = [trial.state for trial in opening.trials(opened.optuna)]
    if TrialState.COMPLETE not in states or any(not state.is_finished() for state in states):
        return None
    result = judge(opened.plan, blocks.records(opened))
    found = next((c for c in result["comparisons"] if c["candidate"] == arm), None)
    if found is None:
        return None
    return {
        "validation": name,
        "baseline": found["baseline"],
        "metric": found["metric"],
        "seeds": result["seeds"],
        "difference": found["difference"],
        "ci": found["ci"],
        "verdict": found["verdict"],
    }

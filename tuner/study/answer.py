"""The answer of a study: the one configuration that it hands out, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState

from tuner.errors import InputError
from tuner.storage import opening
from tuner.storage.record import BASELINE, TrialRecord, best_of, write_study
from tuner.study.study import Study

Verdict = Literal["better", "equivalent", "inconclusive", "no race"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A configuration and the evidence for it."""

    config: dict[str, Any]
    """all knobs"""
    source: str
    """`trial:12`, `baseline` or `plan:NAME`"""
    trial: int
    """number of the trial with this config"""
    verdict: Verdict
    """on `candidate` against the baseline; only one shown better is handed out instead of the baseline"""
    candidate: str
    """what came nearest to beating the baseline, named like `source`"""
    difference: float | None
    """mean of candidate - baseline, in the metric's unit; without a race of one seed, the one of the search"""
    ci: tuple[float | None, float | None] | None
    """95% interval of the difference that allows for all candidates and looks; None without a race"""
    metric: str
    seeds: int
    """paired seeds behind the difference"""
    reason: str
    """why this one, as a sentence"""
    race: str | None = None
    """name of the race"""

    def as_data(self) -> dict[str, Any]:
        """What `status --json` prints."""
        data = asdict(self)
        return {"config": data.pop("config"), "from": data.pop("source"), **data}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Answer:
        """The inverse of `as_data`."""
        given = {**data, "source": data["from"], "ci": data["ci"] and tuple(data["ci"])}
        del given["from"]
        return cls(**given)


def source(trial: FrozenTrial) -> str:
    """The name of a trial's config: `baseline`, `plan:NAME` or `trial:N`."""
    plan = TrialRecord.of(trial).plan
    if plan == BASELINE:
        return BASELINE
    return f"plan:{plan}" if plan else f"trial:{trial.number}"


def answer_of(study: Study) -> Answer | None:
    """The answer of the study's race; before there was one, the best trial, unproven. None before one completed."""
    kept = study.record.answer
    return Answer.from_data(kept) if kept else _unproven(study)


def keep(study: Study, answer: Answer) -> None:
    """Write the answer into the study."""
    write_study(study.optuna, answer=answer.as_data())


def trial_of(study: Study, number: int | None = None, best_seen: bool = False) -> FrozenTrial:
    """The trial whose config is handed out: the answer's, one by its number, or the best that the search saw.

    Raises InputError where the study has none.
    """
    trials = {t.number: t for t in opening.trials(study.optuna) if TrialRecord.of(t).config is not None}
    if number is not None:
        if number not in trials:
            raise InputError(f"study {study.name!r} has no trial {number} that was started; there are {len(trials)}")
        return trials[number]
    answer = answer_of(study)
    best = _best(study)
    if answer is None or best is None:
        raise InputError(f"study {study.name!r} has no completed trial to export yet; see: tuner status {study.name}")
    return best if best_seen else trials[answer.trial]


def baseline_trial(study: Study) -> FrozenTrial | None:
    """The trial of the study's baseline once it has started."""
    for trial in opening.trials(study.optuna):
        record = TrialRecord.of(trial)
        if record.is_baseline and record.config is not None:
            return trial
    return None


def _best(study: Study) -> FrozenTrial | None:
    return best_of(opening.trials(study.optuna), study.optuna.direction.name)


def _unproven(study: Study) -> Answer | None:
    """The best trial of the search: what there is to say without a race."""
    best, base = _best(study), baseline_trial(study)
    if best is None:
        return None
    lead = None
    if base is not None and base.state == TrialState.COMPLETE and base.value is not None and best.value is not None:
        lead = best.value - base.value
    config = dict(TrialRecord.of(best).config or {})
    same = base is not None and TrialRecord.of(base).config == config
    if same:
        reason = "no trial beats the baseline on the search's own seed"
    else:
        reason = f"the best that the search saw, on one seed; not proven: `tuner race {study.name}` compares it"
    return Answer(
        config=config,
        source=BASELINE if same else source(best),
        trial=best.number,
        verdict="no race",
        candidate=source(best),
        difference=lead,
        ci=None,
        metric=study.spec.objective,
        seeds=1,
        reason=reason,
    )

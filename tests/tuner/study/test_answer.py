"""What a study hands out: its race's answer, or the best that it saw, said to be unproven."""

import dataclasses
import json

import pytest

from tuner.errors import InputError
from tuner.report import note
from tuner.report.export import export, provenance
from tuner.study.answer import Answer, answer_of, keep, trial_of
from tuner.study.study import open_study
from tuner.study.summary import best_trial, summarise
from tuner.worker import worker


@pytest.fixture
def searched(make_study, scripted):
    """A study whose best trial is none of the plans."""
    study = make_study(search={"trials": 6})
    named = set(map(str, study.spec.named().values()))
    scripted(lambda config, epoch: 0.5 if str(config) in named else 0.9)
    worker.work(study, device="cpu", say=lambda text: None)
    return open_study(study.place, study.name)


def kept(study, **changed):
    """Keep an answer as a race would leave it, in favour of the baseline where nothing else is said."""
    baseline = study.spec.named()["baseline"].knobs()
    answer = Answer(
        config=baseline, source="baseline", trial=0, verdict="inconclusive", candidate="trial:4", difference=0.004,
        ci=(-0.01, 0.018), metric="final_performance", seeds=8, reason="nothing was shown to beat it", race="race-x",
    )  # fmt: skip
    keep(study, dataclasses.replace(answer, **changed))
    return open_study(study.place, study.name)


def test_without_a_race_the_best_trial_is_the_answer_and_said_to_be_unproven(searched):
    best, answer = best_trial(searched), answer_of(searched)
    assert (answer.source, answer.verdict, answer.seeds, answer.ci) == (f"trial:{best.number}", "no race", 1, None)
    assert answer.config == best.user_attrs["config"]
    assert answer.difference == pytest.approx(0.4)
    assert "not proven" in answer.reason
    summary = summarise(searched)
    assert summary["answer"] == json.loads(json.dumps(answer.as_data()))
    assert "Not proven" in note.lead(summary, {})
    assert any("race" in command for command, _ in note.next_commands(summary))


def test_a_baseline_that_nothing_beats_is_handed_out_with_the_reason(searched):
    study = kept(searched)
    told = json.loads(export(study, "json"))
    where = told.pop("provenance")
    assert told == study.spec.named()["baseline"].knobs()
    assert (where["from"], where["trial"], where["reason"]) == ("baseline", 0, "nothing was shown to beat it")
    assert where["answer"]["verdict"] == "inconclusive" and where["answer"]["ci"] == [-0.01, 0.018]
    lead = note.lead(summarise(study), {})
    assert lead.startswith("Keep the baseline: nothing was shown to beat it")
    assert "trial:4 +0.0040 [-0.0100, +0.0180]" in lead


def test_another_trial_and_the_best_seen_are_handed_out_when_asked_for(searched):
    study = kept(searched)
    best = best_trial(study)
    assert trial_of(study, best_seen=True).number == best.number
    assert json.loads(export(study, "json", trial=trial_of(study, 2)))["provenance"]["trial"] == 2
    assert "answer" not in provenance(study, trial=trial_of(study, best_seen=True))
    with pytest.raises(InputError, match="no trial 99"):
        trial_of(study, 99)


def test_a_proven_trial_leads(searched):
    best = best_trial(searched)
    name = f"trial:{best.number}"
    config = best.user_attrs["config"]
    study = kept(searched, config=config, source=name, trial=best.number, verdict="better", candidate=name,
                 difference=0.05, ci=(0.02, 0.08), reason="shown")  # fmt: skip
    assert Answer.from_data(summarise(study)["answer"]) == answer_of(study)
    assert note.lead(summarise(study), {best.number: "#4 w=1"}).startswith(f"#4 w=1 beats the baseline: {name} +0.0500")

"""What is kept in the storage: read and written as objects, in one place, also where an earlier version wrote it."""

import ast
import dataclasses
import json
import math
import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tuner.errors import InputError
from tuner.storage import opening, record
from tuner.storage.record import (
    BlockRecord,
    DataFacts,
    Finding,
    Origin,
    Population,
    ReplicateResult,
    Replicates,
    Runs,
    StudyRecord,
    TrialRecord,
    TrialResult,
    ValidationRecord,
    Verdict,
    WarmConfig,
)
from tuner.study.study import open_study
from tuner.study.summary import summarise
from tuner.validation import blocks

BEFORE = Path(__file__).parent / "before"
"""A search and a validation that the version before this record made: its database, and what its `status` printed."""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def before(make_place):
    place = make_place()
    for empty in place.state.glob("optuna.db*"):
        empty.unlink()
    connection = sqlite3.connect(place.state / "optuna.db")
    connection.executescript((BEFORE / "studies.sql").read_text(encoding="utf-8"))
    connection.close()
    return place


def test_a_study_made_before_is_read(before):
    study = open_study(before, "old")
    printed = json.loads((BEFORE / "status.json").read_text(encoding="utf-8"))
    summary = json.loads(json.dumps(summarise(study)))
    assert {name: summary[name] for name in printed} == printed
    trials = sorted(opening.trials(study.optuna), key=lambda trial: trial.number)
    kept = [TrialRecord.of(trial) for trial in trials]
    assert [one.label for one in kept[:4]] == ["baseline", "basic", "full", "advanced"]
    assert kept[0].replicates.keys() == {1, 2, 3} and study.record.replicates.values == [
        one.value for one in kept[0].replicates.values()
    ]
    assert all(len(one.result.curve("val/weighted_f1")) == one.result.epochs for one in kept)
    assert kept[0].title(0) == "#0 w=0.05 mse gate=0.01 (baseline)"
    assert study.record.data.name and study.record.runs.experiment_id == "1"


def test_a_validation_made_before_is_read(before):
    (name,) = [name for name in opening.study_names(opening.open_storage(before.storage)) if name != "old"]
    validation = blocks.open_validation(before, name)
    assert list(validation.plan.arms) == ["baseline", "best"] and validation.runs.experiment_id == "2"
    measured = blocks.records(validation)
    assert {arm: len(runs) for arm, runs in measured.items()} == {"baseline": 6, "best": 6, "null": 6}
    assert all(0 < run["test"]["test/weighted_f1"] < 1 for runs in measured.values() for run in runs)


def test_a_study_of_a_newer_format_is_refused_in_one_sentence(before):
    record.write_study(open_study(before, "old").optuna, format=record.FORMAT + 1)
    with pytest.raises(InputError, match=r"study 'old' was made by a newer tuner: .* format 2, this one reads up to 1"):
        open_study(before, "old")


def test_what_a_study_keeps_comes_back_as_it_was():
    kept = StudyRecord(
        spec={"objective": "val/weighted_f1"},
        n_trials=12,
        runs=Runs("1", "abc"),
        data=DataFacts("d", 9, (5, 2, 2), 5, {"a": 2}, ["x", "y"], remarks=["odd"]),
        data_fingerprint="f",
        code={"train.py": "12ab"},
        versions={"tuner": "1"},
        state_folder=Path("/somewhere/mlruns"),
        warm_start=(WarmConfig(Origin("first", 3, 0.5), {"focal_gamma": 2.0}),),
        added_plans=["mine"],
        inert=["gate"],
        answer={"from": "baseline"},
        detached=True,
        finishing=1.5,
        finished_at=12,
        replicates=Replicates([0.5, 0.7], 8),
        speeds={3: {"convergence/epochs_to_95": 4.0}},
        reference={"val/weighted_f1": 0.5},
        has_reference=True,
        diagnosis=(Finding("leak", "seen", "look"),),
        verdicts=(Verdict("v", "#/x", ["better."]),),
        population=Population(None, 4),
        populations={"cpu": {"size": 2, "fused": False, "gain": None}},
    )
    study = optuna.create_study()
    assert StudyRecord.of(study) == StudyRecord() and not StudyRecord.of(study).whole
    written = {f.name: getattr(kept, f.name) for f in dataclasses.fields(kept) if f.name != "has_reference"}
    record.write_study(study, **written)
    assert StudyRecord.of(study) == kept and kept.whole
    assert kept.replicates.spread().mean == pytest.approx(0.6)
    assert Replicates([0.5, math.nan]).spread() is None
    record.write_study(study, reference=None)
    assert StudyRecord.of(study).reference is None and StudyRecord.of(study).has_reference


def test_what_a_trial_keeps_comes_back_as_it_was():
    study = optuna.create_study()
    queued = TrialRecord(plan="baseline", overrides={"weighting": "dwa"})
    study.enqueue_trial({}, user_attrs=queued.queued())
    trial = study.ask()
    assert TrialRecord.of(trial) == queued and TrialRecord.of(trial).is_baseline
    record.write_started(trial, "run", {"encoder_loss_weight": 0.03})
    record.write_replicate(trial, 2, ReplicateResult(0.5, 4))
    record.write_replicate(trial, 1, ReplicateResult(0.6, 3))
    result = TrialResult(3, 2, "", {"test/weighted_f1": 0.7}, {"m": 1.0}, {"val/mse": [0.5, None, 0.25]})
    record.write_result(trial, result)
    study.tell(trial, 0.5)
    (ended,) = study.get_trials()
    kept = TrialRecord.of(ended)
    assert kept == dataclasses.replace(
        queued,
        run_id="run",
        config={"encoder_loss_weight": 0.03},
        result=result,
        replicates={1: ReplicateResult(0.6, 3), 2: ReplicateResult(0.5, 4)},
    )
    curve = kept.result.curve("val/mse")
    assert curve[0] == 0.5 and math.isnan(curve[1]) and kept.result.curve("val/mae") == []
    assert ended.user_attrs["epochs"] == 3 and ended.user_attrs["test/weighted_f1"] == 0.7, "columns of the dashboard"


def test_a_failed_trial_says_why():
    study = optuna.create_study()
    trial = study.ask()
    record.write_result(trial, TrialResult(1, reason="MemoryError", traceback="Traceback ..."))
    study.tell(trial, state=TrialState.FAIL)
    assert record.reason(study.trials[0]) == "MemoryError" and record.epochs_run(study.trials[0]) == 1


def test_what_a_validation_keeps_comes_back_as_it_was():
    study = optuna.create_study()
    kept = ValidationRecord({"arms": {}}, Runs("1", "abc"), "f", {"tuner": "1"}, Path("/somewhere"))
    kept.write(study)
    assert ValidationRecord.of(study) == kept and not StudyRecord.of(study).whole
    study.enqueue_trial({}, user_attrs=BlockRecord(3, attempt=2).queued())
    trial = study.ask()
    record.write_arms(trial, {"baseline": {"test": {}}})
    assert BlockRecord.of(trial) == BlockRecord(3, 2, "", {"baseline": {"test": {}}})


def test_only_the_storage_knows_under_which_names_things_are_kept():
    """Attributes of Optuna's studies and trials are touched nowhere else."""
    touching = {"user_attrs", "set_user_attr", "set_trial_user_attr", "set_study_user_attr"}
    storage = ROOT / "tuner/storage"
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted((ROOT / "tuner").rglob("*.py"))
        if storage not in file.parents
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in touching
    ]
    assert found == [], "read and write them through tuner/storage/record"

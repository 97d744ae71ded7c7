"""Studies of scripts: what becomes of a run in the queue and in MLflow; the example for real."""

from pathlib import Path

import mlflow
import pytest

from tuner.errors import RunError
from tuner.report import note
from tuner.report.export import provenance
from tuner.report.finish import finish
from tuner.spec import file as study_file
from tuner.study.make import create_study
from tuner.worker import worker
from tuner.worker.script.train import train

EXAMPLE = Path(__file__).parents[4] / "examples" / "joyful_style.yaml"
GOOD = """
for epoch in range(1, 5):
    print(json.dumps({"epoch": epoch, "dev_f1": w + epoch / 100, "test_f1": w - 0.1}), flush=True)
"""


@pytest.fixture
def study_of(make_spec, make_place):
    """A study of Python code, with the knob w."""

    def make(code, search, **options):
        return create_study(make_place(), "scripted", make_spec(code, search=search, **options))

    return make


def work(study):
    said = []
    worker.work(study, device="cpu", say=said.append)
    return [t.state.name for t in study.optuna.get_trials()], "\n".join(said)


def test_a_study_of_a_script(study_of):
    study = study_of(GOOD, {"trials": 3, "pruner": "none"})
    found, said = work(study)
    assert found == ["COMPLETE"] * 3 and said.startswith("runs a command of your own")
    baseline = study.optuna.get_trials()[0]
    assert baseline.value == pytest.approx(0.54) and len(baseline.intermediate_values) == 4
    assert baseline.user_attrs["result"]["test"] == {"test_f1": 0.4}
    told = provenance(study)
    assert told["test_f1"] == pytest.approx(told["dev_f1"] - 0.14) and "test/weighted_f1" not in told
    assert len(told["code"]["script.py"]) == 16 and told["command"] == study.spec.command
    summary = finish(study)
    assert summary["best"]["value"] == max(t.value for t in study.optuna.get_trials())
    client = mlflow.MlflowClient(study.place.tracking)
    run_id = baseline.user_attrs["run_id"]
    points = client.get_metric_history(run_id, "dev_f1")
    assert [point.value for point in points] == pytest.approx([0.51, 0.52, 0.53, 0.54])
    assert "log.txt" in [artifact.path for artifact in client.list_artifacts(run_id)]


def test_a_run_that_is_not_finite_is_pruned_and_one_that_fails_fails_and_the_study_goes_on(study_of):
    """The trials' weights are the sampler's: below 0.4 the script fails, above 0.6 it is not finite."""
    code = f"""
if w < 0.4:
    raise ValueError("w is too small")
if w > 0.6:
    print(json.dumps({{"epoch": 1, "dev_f1": 0.5}}), flush=True)
    print(json.dumps({{"epoch": 2, "dev_f1": float("nan")}}), flush=True)
    time.sleep(60)
{GOOD}"""
    plans = {"small": {"w": 0.1}, "large": {"w": 0.9}, "fine": {"w": 0.55}}
    study = study_of(code, {"trials": 4, "pruner": "none"}, plans=plans)
    found, said = work(study)
    assert found == ["COMPLETE", "FAIL", "PRUNED", "COMPLETE"]
    summary = finish(study)
    assert summary["failed"] == {1: "the script ended with exit code 1 (ValueError: w is too small)"}
    assert summary["pruned"] == {2: "diverged at epoch 2: dev_f1 is nan"}
    assert "trial 1 failed:\nTraceback" in said and "tuner/script" not in said


def test_three_failures_in_a_row_stop_it_with_the_last_reason(study_of):
    study = study_of(GOOD + "sys.exit(3)", {"trials": 6})
    with pytest.raises(RunError) as error:
        work(study)
    assert str(error.value).startswith("3 trials in a row failed; the last one: the script ended with exit code 3")
    trials = study.optuna.get_trials()
    assert [t.state.name for t in trials] == ["FAIL"] * 3 + ["WAITING"] * 3
    assert trials[0].user_attrs["result"]["epochs"] == 4, "what it trained before it failed counts"


def test_where_nothing_completes_the_reason_is_said_and_nothing_is_to_be_exported(study_of):
    study = study_of('print(json.dumps({"epoch": 1, "dev_f1": float("inf")}))', {"trials": 2})
    assert work(study)[0] == ["PRUNED", "PRUNED"]
    summary = finish(study)
    assert summary["state"] == "failed"
    assert note.remarks(summary, study.spec) == [
        "No trial completed: 2 were stopped early, 0 failed; the last one: diverged at epoch 1: dev_f1 is inf."
    ]
    assert not any(" export " in command for command, _ in note.next_commands(summary))


def test_the_example_trains_for_real_and_prints_what_the_study_file_reads(tmp_path):
    raw = study_file.load(str(EXAMPLE)).model_dump(mode="json")
    spec = study_file.parse(raw | {"training": {"epochs": 3}})
    folders = [tmp_path / "baseline", tmp_path / "basic"]
    results = train(list(spec.named().values()), spec, folders=folders, device="cpu", seed=0)
    for result, folder in zip(results, folders, strict=True):
        assert result.curves.keys() == {"train/loss", "train/weighted_f1", "val/weighted_f1", "test/weighted_f1"}
        scores = result.curves["val/weighted_f1"]
        assert len(scores) == 3 and scores[2] > scores[0] and result.test["test/weighted_f1"] > 0.5
        assert result.curves["train/loss"][2] < result.curves["train/loss"][0]
        assert (folder / "best.pt").exists()
    assert results[0].curves != results[1].curves

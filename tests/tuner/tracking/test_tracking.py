"""What MLflow holds of a study: structure, states, every epoch once, in few writes."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow.utils.validation import _validate_metric_name

from trainer.config import LossConfig
from tuner.errors import InputError, RunError
from tuner.spec import file as study_file
from tuner.spec import yaml
from tuner.study.study import open_study
from tuner.system.place import Place
from tuner.tracking.client import NOTE, Tracker, finite, metric_name
from tuner.worker import worker

PARENT = "mlflow.parentRunId"
ODD = ["run (fast)", "sit/stand", "50%", "a,b", "é—ü", "x\ny", "日本"]


@pytest.fixture(scope="module")
def seen(finished_study):
    """The client, the study, its parent run and its children by trial number."""
    place = Place.at(finished_study.state)
    study = open_study(place, "tiny")
    client = mlflow.MlflowClient(place.tracking)
    found = client.search_runs([study.runs.experiment_id])
    parents = [r for r in found if PARENT not in r.data.tags]
    children = sorted((r for r in found if PARENT in r.data.tags), key=lambda r: int(r.data.tags["trial"]))
    assert len(parents) == 1
    return client, study, parents[0], children


def test_one_parent_and_one_child_a_trial(seen, finished_study):
    client, study, parent, children = seen
    assert client.get_experiment(study.runs.experiment_id).name == "tiny"
    assert parent.info.run_id == study.runs.run_id
    assert parent.info.status == "FINISHED"
    assert [int(c.data.tags["trial"]) for c in children] == list(range(6))
    assert {c.data.tags[PARENT] for c in children} == {parent.info.run_id}
    assert [c.data.tags["plan"] for c in children[:4]] == ["baseline", "basic", "full", "advanced"]
    trials = study.optuna.get_trials()
    assert [t.user_attrs["run_id"] for t in trials] == [c.info.run_id for c in children]


def test_status_and_tags_tell_the_state(seen):
    _, study, parent, children = seen
    status = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
    for trial, child in zip(study.optuna.get_trials(), children, strict=True):
        tags = child.data.tags
        assert tags["state"] == trial.state.name
        assert child.info.status == status[trial.state.name]
        assert bool(tags["reason"]) == (trial.state.name != "COMPLETE")
        assert tags["seed"] == "0"
        assert tags["device"].startswith("cpu")
        assert tags["data_fingerprint"] == study.data().fingerprint
        assert "torch=2." in tags["versions"] and "mlflow=" in tags["versions"]
        assert tags["epochs"] == str(trial.user_attrs["result"]["epochs"])
        assert len(tags["git_commit"]) == 40 if "git_commit" in tags else True
    assert parent.data.tags["data_fingerprint"] == study.data().fingerprint


def test_params_are_the_config(seen):
    _, study, parent, children = seen
    for trial, child in zip(study.optuna.get_trials(), children, strict=True):
        config = LossConfig.from_knobs(trial.user_attrs["config"])
        assert child.data.params == {name: str(value) for name, value in config.knobs().items()}
    assert parent.data.params["epochs"] == "4"
    assert "0.01 .. 0.1 (log)" in parent.data.params["range.encoder_loss_weight"]


def test_every_epoch_of_every_metric_is_there_once(seen):
    client, study, _, children = seen
    sometimes = {"grad/cosine", "grad/effective_weight"}
    for trial, child in zip(study.optuna.get_trials(), children, strict=True):
        epochs = trial.user_attrs["result"]["epochs"]
        series = {}
        for name in child.data.metrics:
            steps = [m.step for m in client.get_metric_history(child.info.run_id, name)]
            assert len(steps) == len(set(steps)), (name, steps)
            if steps != [0]:
                series[name] = sorted(steps)
        assert len(series) > 30
        for name, steps in series.items():
            if name not in sometimes:
                assert steps == list(range(1, epochs + 1)), name
        for name in ("loss/classification", "weighted/total", "train/mse", "val/weighted_f1", "gap/cross_entropy"):
            assert name in series
        assert {"grad/norm_mean", "grad/norm_cv", "grad/clipped_share", "learning_rate"} <= set(series)
        assert "val_f1/run _28_fast_29_" in series


def test_curves_in_the_storage_are_those_in_mlflow(seen):
    client, study, _, children = seen
    for trial, child in zip(study.optuna.get_trials(), children, strict=True):
        history = sorted(client.get_metric_history(child.info.run_id, "val/weighted_f1"), key=lambda m: m.step)
        kept = trial.user_attrs["result"]["curves"]["val/weighted_f1"]
        assert kept == pytest.approx([m.value for m in history], rel=1e-4)
        assert [trial.intermediate_values[e] for e in sorted(trial.intermediate_values)] == pytest.approx(
            kept, rel=1e-4
        )


def test_completed_trials_have_test_scores_and_measures(seen):
    _, study, _, children = seen
    for trial, child in zip(study.optuna.get_trials(), children, strict=True):
        complete = trial.state.name == "COMPLETE"
        for name in ("test/weighted_f1", "test/macro_f1", "convergence/area", "convergence/epochs_to_95"):
            assert (name in child.data.metrics) == complete, name
        if complete:
            assert child.data.metrics["best/weighted_f1"] == pytest.approx(trial.value)


def test_artifacts_of_the_study(seen, finished_study, tmp_path):
    client, study, parent, _ = seen
    folder = Path(client.download_artifacts(parent.info.run_id, "", str(tmp_path)))
    assert study_file.load(str(folder / "study.yaml")) == study.spec
    best = yaml.read(folder / "best.yaml", "config").data
    provenance = best.pop("provenance")
    assert LossConfig.from_knobs(best).knobs() == finished_study.summary["best"]["params"]
    assert provenance["trial"] == finished_study.summary["best"]["number"]
    plots = {p.stem: p.read_bytes() for p in (folder / "plots").glob("*.png")}
    assert {"convergence", "history"} <= set(plots)
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert all(data.startswith(b"\x89PNG") and len(data) > 1000 for data in plots.values())


def test_note_says_what_was_found_and_how_to_go_on(seen, finished_study):
    client, study, parent, _ = seen
    note = parent.data.tags[NOTE]
    first, links = note.split("\n\n")[:2]
    assert "of them stopped early" in first and first.startswith("**") and first.endswith("**")
    assert "[curves](#/experiments/" in links and "[report](#/experiments/" in links
    assert f"![](get-artifact?path=plots%2Fhistory.png&run_uuid={parent.info.run_id})" in note
    assert "A tiny study." in note
    for who in ("best", "baseline", "basic", "full", "advanced", "logistic regression"):
        assert f"| {who} |" in note
    assert f"{finished_study.summary['best']['value']:.4f}" in note
    for command in ("tuner status tiny", "tuner export tiny", "tuner start --name tiny"):
        assert command in note
    assert client.get_experiment(study.runs.experiment_id).tags[NOTE] == note


def test_view_is_json_with_the_knobs(seen):
    client, study, _, _ = seen
    view = json.loads(client.get_experiment(study.runs.experiment_id).tags["mlflow.sharedViewState.study"])
    for knob in study.spec.knobs:
        assert f"params.`{knob}`" in view["selectedColumns"]
    assert view["orderByKey"] == "metrics.`best/weighted_f1`"
    assert view["orderByAsc"] is False
    sections = {section["uuid"] for section in view["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"]} <= sections
    assert len(json.dumps(view)) < 20_000  # MLflow's limit for a tag of an experiment


def test_numbers_of_the_study_have_a_section_of_their_own(seen, finished_study):
    """So that no chart of the trials holds a single bar: all but the best value, which ranks it in the run table."""
    _, _, parent, _ = seen
    assert {name.partition("/")[0] for name in parent.data.metrics} == {"study", "best"}
    best, baseline = finished_study.summary["best"], finished_study.summary["baseline"]
    assert parent.data.metrics["best/weighted_f1"] == pytest.approx(best["value"])
    assert parent.data.metrics["study/baseline weighted_f1"] == pytest.approx(baseline["value"])
    assert parent.data.metrics["study/epochs_run"] == finished_study.summary["epochs_run"]


def test_writes_come_in_batches(make_study, scripted, monkeypatch):
    """A trial costs a handful of writes however many epochs it has, and no write is over MLflow's limit."""
    study = make_study(plans={}, search={"trials": 2, "pruner": "none"}, training={"epochs": 700})
    scripted(lambda config, epoch: 0.5)
    sizes = []
    original = mlflow.MlflowClient.log_batch

    def spy(self, run_id, metrics=(), params=(), tags=(), **rest):
        sizes.append(len(metrics))
        return original(self, run_id, metrics=metrics, params=params, tags=tags, **rest)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", spy)
    worker.work(study, device="cpu", say=lambda text: None)
    assert max(sizes) <= 1000
    assert len(sizes) <= 2 * 4
    child = study.optuna.get_trials()[1].user_attrs["run_id"]
    history = study.tracker().client.get_metric_history(child, "val/weighted_f1")
    assert sorted(m.step for m in history) == list(range(1, 701))


def test_older_points_in_one_statement_equal_log_batch(tmp_path, monkeypatch):
    """The short cut into MLflow's table leaves the same history and latest values as `log_batch` alone."""
    points = [({"a": 0.1 * epoch, "b": -float(epoch % 3)}, epoch) for epoch in range(1, 8)]

    def written(tracker, name):
        study = tracker.study(name, {}, {})
        run_id = tracker.start_trial(study, "#0", {}, {})
        for metrics, epoch in points:
            tracker.epoch(run_id, metrics, epoch)
        tracker.end_trial(run_id, "COMPLETE", {}, {"once": 1.0})
        latest = tracker.client.get_run(run_id).data.metrics
        history = {n: [(m.step, m.value) for m in tracker.client.get_metric_history(run_id, n)] for n in latest}
        return latest, {n: sorted(rows) for n, rows in history.items()}

    tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    assert tracker._bulk is not None
    short = written(tracker, "short")
    tracker._bulk = None
    assert short == written(tracker, "plain")
    assert short[0] == pytest.approx({"a": 0.7, "b": -1.0, "once": 1.0})
    assert [step for step, _ in short[1]["a"]] == list(range(1, 8))


@pytest.mark.parametrize("name", ODD)
def test_metric_names_with_odd_characters_are_accepted_by_mlflow(name):
    _validate_metric_name(metric_name(f"val_f1/{name}"))


def test_different_labels_keep_different_metric_names():
    labels = ["a(b", "a[b", "a/b", "a_b", "a b", "", ".", "..", "//"]
    names = [metric_name(f"val_f1/{label}") for label in labels]
    assert len(set(names)) == len(labels)
    for name in names:
        _validate_metric_name(name)


def test_finite():
    assert finite({"a": 1.0, "b": float("nan"), "c": float("inf")}) == {"a": 1.0}


@pytest.mark.parametrize("uri", ["file folder", "corrupt", "refused", "scheme"])
def test_tracking_that_cannot_be_reached_is_one_line(tmp_path, uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "file").write_text("x")
    (tmp_path / "bad.db").write_bytes(b"no database" * 200)
    given = {
        "file folder": f"sqlite:///{tmp_path}/file/mlflow.db",
        "corrupt": f"sqlite:///{tmp_path}/bad.db",
        "refused": "http://127.0.0.1:9",
        "scheme": "gopher://x",
    }[uri]
    with pytest.raises(InputError, match="tracking URI") as caught:
        Tracker(given, tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_mlflow_that_breaks_under_way_is_a_run_error(make_place):
    place = make_place()
    tracker = Tracker(place.tracking, place.state)
    with pytest.raises(RunError, match="MLflow at sqlite"):
        tracker.update("0" * 32, tags={"a": "b"})


def test_deleted_experiment_is_named(make_study, make_place):
    place = make_place()
    tracker = Tracker(place.tracking, place.state)
    made = tracker.study("gone", {}, {})
    tracker.client.delete_experiment(made.experiment_id)
    with pytest.raises(InputError, match="'gone' was deleted but not purged"):
        tracker.study("gone", {}, {})

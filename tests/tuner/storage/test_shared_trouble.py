"""What goes wrong where several machines share a study: versions, clocks, names, folders, short leases."""

import shutil
import threading
import time

import mlflow
import pytest
from optuna.trial import TrialState
from rich.console import Console

from tuner.errors import InputError, RunError
from tuner.launch import local
from tuner.launch._trouble import Waiting
from tuner.run import service, start
from tuner.run.options import StartOptions
from tuner.spec import file as study_file
from tuner.storage import lease, opening
from tuner.storage.record import TrialRecord
from tuner.storage.watch import Keeper
from tuner.study.make import create_study
from tuner.study.study import open_study
from tuner.system import provenance
from tuner.tracking.client import Tracker
from tuner.worker import worker

ONE = {"plans": {}, "search": {"trials": 1, "pruner": "none"}}


def work(study):
    said = []
    worker.work(open_study(study.place, study.name), device="cpu", say=said.append)
    return said


def made_with(study, **versions):
    study.optuna.set_user_attr("versions", provenance.versions() | versions)


def runs(study, **tags):
    client = mlflow.MlflowClient(study.place.tracking)
    found = client.search_runs([study.runs.experiment_id])
    return [r for r in found if tags.items() <= r.data.tags.items()]


def test_a_worker_of_another_version_is_refused(make_study, scripted):
    scripted(lambda config, epoch: 0.5)
    study = make_study(**ONE)
    made_with(study, tuner="99.1")
    with pytest.raises(InputError, match=r"study 'tiny' was made with version 99.1 of the tuner; here is \d"):
        work(study)
    with pytest.raises(InputError, match=r"version 99.1 .* choose another --name"):
        start.run(study.place, StartOptions(name="tiny", quiet=True, device="cpu"), console=Console())
    assert study.optuna.get_trials()[0].state == TrialState.WAITING


def test_another_torch_is_said(make_study, scripted):
    scripted(lambda config, epoch: 0.5)
    study = make_study(**ONE)
    made_with(study, torch="1.0")
    said = work(study)
    assert said[0].startswith("study 'tiny' was made with torch 1.0; here is 2.")
    assert study.optuna.get_trials()[0].state == TrialState.COMPLETE


def test_of_two_that_make_a_study_at_once_one_is_told_to_join(make_study, tiny, monkeypatch):
    study = make_study(**ONE)
    before = len(runs(study))
    with pytest.raises(RunError, match="being made by another process; the same command again joins it"):
        create_study(study.place, "tiny", study_file.load(str(tiny)))
    assert len(runs(study)) == before, "its run in MLflow is gone again"


def test_a_worker_waits_for_a_study_that_is_being_made(make_study, scripted, monkeypatch):
    scripted(lambda config, epoch: 0.5)
    study = make_study(**ONE)
    spec = study.optuna.user_attrs["spec"]
    half = opening.load_study(study.optuna._storage, "tiny")
    half._storage.set_study_user_attr(half._study_id, "spec", None)
    rested = []

    def rest(seconds):
        rested.append(seconds)
        half._storage.set_study_user_attr(half._study_id, "spec", spec)

    monkeypatch.setattr(service, "rest", rest)
    monkeypatch.setattr(service, "_whole", lambda study: study.user_attrs.get("spec") is not None)
    assert service.join(study.place, "tiny", device="cpu", say=lambda text: None) == 1
    assert rested


def test_artifacts_that_cannot_be_written_cost_the_model_alone(make_study, scripted):
    """Where only the first machine has the folder, or it is read-only."""
    scripted(lambda config, epoch: 0.5)
    study = make_study(plans={}, search={"trials": 2, "pruner": "none"})
    artifacts = study.place.state / "artifacts"
    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.write_text("a file, so that no folder can be made below it")
    said = work(study)
    assert any("its model is not kept: MLflow at" in text for text in said)
    assert [t.state for t in study.optuna.get_trials()] == [TrialState.COMPLETE] * 2
    (run,) = runs(study, trial="0")
    assert run.info.status == "FINISHED" and "model_not_kept" in run.data.tags


def test_an_artifact_store_that_is_away_is_still_a_failure_of_what_must_be_kept(make_study):
    study = make_study(**ONE)
    artifacts = study.place.state / "artifacts"
    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.write_text("")
    (study.place.state / "x.txt").write_text("x")
    with pytest.raises(RunError, match="MLflow at sqlite"):
        Tracker(study.place.tracking, study.place.state).artifact(study.runs.run_id, study.place.state / "x.txt")


def test_clocks_that_differ_by_a_day_change_nothing(make_study, scripted, monkeypatch):
    """The second worker's clock is a day behind the first's: its points come before them in time, not in epochs."""
    monkeypatch.setattr("tuner.worker.checkpoint.EVERY", 0.0)
    monkeypatch.setattr("tuner.worker.checkpoint.SHARE", 1e9)
    study = make_study(**ONE, training={"epochs": 6})
    clock, died = time.time, []

    class Killed(BaseException):
        pass

    def play(config, epoch):
        if epoch == 4 and not died:
            died.append(epoch)
            raise Killed
        return 0.5 + epoch / 100

    scripted(play)
    with pytest.raises(Killed):
        work(study)
    trial = opening.trials(study.optuna)[0]
    study.optuna._storage.set_trial_user_attr(trial._trial_id, "worker", f"{lease.host()}:999999999:1:0:60")
    monkeypatch.setattr(time, "time", lambda: clock() - 86400)
    assert "trial 0 goes on after epoch 3" in work(study)
    (run,) = runs(study, trial="0")
    client = mlflow.MlflowClient(study.place.tracking)
    history = client.get_metric_history(run.info.run_id, "val/weighted_f1")
    assert [m.step for m in sorted(history, key=lambda m: m.step)] == [1, 2, 3, 4, 5, 6]
    assert run.data.metrics["val/weighted_f1"] == pytest.approx(0.56), "the last epoch's, not the latest moment's"


def test_a_lease_shorter_than_an_epoch_is_renewed_during_it(make_study, scripted, monkeypatch):
    monkeypatch.setenv("TUNER_LEASE", "1")
    study = make_study(**ONE, training={"epochs": 2})
    monkeypatch.setattr(lease, "host", lambda: "here-000000")  # nobody can look at the process
    taken, over = [], threading.Event()

    def watch():
        keeper = Keeper(open_study(study.place, "tiny").optuna, lease=1.0)
        while not over.wait(0.2):
            keeper.look()
            taken.extend(keeper.recover())

    watcher = threading.Thread(target=watch)

    def play(config, epoch):
        if epoch == 1:
            watcher.start()
        time.sleep(2.5)
        return 0.5

    scripted(play)
    work(study)
    over.set()
    watcher.join()
    assert taken == []
    assert study.optuna.get_trials()[0].state == TrialState.COMPLETE
    assert not TrialRecord.of(study.optuna.get_trials()[0]).crashed


def test_what_workers_wait_for_is_said_once(tmp_path):
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    news = Waiting([local.Process(None, log) for log in logs])
    for log in logs:
        log.write_text("2 trials are with other workers; waiting in case one of them stops\n")
    assert news() == []
    full = "storage: no room on the disk; waiting for room, nothing is lost"
    for log in logs:
        with log.open("a") as file:
            file.write(full + "\n")
    assert news() == [full]
    assert news() == []
    logs[0].write_text(full + "\nstorage: is back, going on\n")
    assert news() == []
    logs[1].write_text(full + "\nstorage: is back, going on\n")
    assert news() == ["going on"]
    assert news() == []

"""A trial whose worker dies, is told to leave, or loses its lease: it ends once, as if nothing had happened."""

import math
import sqlite3
import threading
import time

import mlflow
import numpy as np
import pytest
from mlflow.entities import ViewType
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from trainer.population import Population
from tuner.storage import lease, opening
from tuner.study.study import open_study
from tuner.study.summary import summarise
from tuner.system import waiting
from tuner.system.interrupt import STOP, Interrupted
from tuner.tracking import client as tracking
from tuner.worker import calibrate, checkpoint, worker
from tuner.worker import trial as attempt

ONE = {"plans": {}, "search": {"trials": 1, "pruner": "none"}}
LONG = {"training": {"epochs": 8}}


class Killed(BaseException):
    """Ends a worker as `kill -9` does: nothing is handed back, nothing is written any more."""


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """A checkpoint after each epoch, unless a test says otherwise."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


def work(study):
    said = []
    worker.work(open_study(study.place, study.name), device="cpu", say=said.append)
    return said


def die(study):
    """Make it look as if the process that holds trials were gone."""
    for trial in opening.trials(study.optuna, [TrialState.RUNNING]):
        study.optuna._storage.set_trial_user_attr(trial._trial_id, "worker", f"{lease.host()}:999999999:1:0:60")


def killed(study):
    with pytest.raises(Killed):
        work(study)
    die(study)


def kill_at(*epochs, then=lambda config, epoch: 0.5 + 0.01 * epoch):
    """A script whose worker dies in these epochs, one after the other."""
    left = list(epochs)

    def play(config, epoch):
        if left and epoch == left[0]:
            left.pop(0)
            raise Killed
        return then(config, epoch)

    return play


def history(study, metric="val/weighted_f1", number=0):
    """(epoch, value) of a metric of a trial's one active run."""
    client = mlflow.MlflowClient(study.place.tracking)
    runs = [r for r in children(study) if r.data.tags["trial"] == str(number)]
    assert len(runs) == 1, "one trial, one run"
    return sorted((m.step, m.value) for m in client.get_metric_history(runs[0].info.run_id, metric))


def children(study, view=ViewType.ACTIVE_ONLY):
    client = mlflow.MlflowClient(study.place.tracking)
    found = client.search_runs([study.runs.experiment_id], run_view_type=view)
    return [r for r in found if r.data.tags.get("mlflow.parentRunId") == study.runs.run_id]


def measured(study):
    """Every point of every trial's run but those that are times, out of MLflow's own tables."""
    connection = sqlite3.connect(study.place.tracking.removeprefix("sqlite:///"))
    rows = connection.execute(
        "SELECT tags.value, metrics.key, step, metrics.value "
        "FROM metrics JOIN tags USING (run_uuid) JOIN runs USING (run_uuid) "
        "WHERE tags.key = 'trial' AND lifecycle_stage = 'active' AND metrics.key <> 'samples_per_second'"
    ).fetchall()
    connection.close()
    return sorted(rows)


def check_whole(study, epochs, number=0):
    """The trial has ended once, with every epoch once in MLflow and in Optuna."""
    trial = study.optuna.get_trials()[number]
    assert trial.state == TrialState.COMPLETE
    assert sorted(trial.intermediate_values) == list(range(1, epochs + 1))
    assert history(study, number=number) == [(e, pytest.approx(0.5 + 0.01 * e)) for e in range(1, epochs + 1)]
    assert {r.info.status for r in children(study)} == {"FINISHED"}
    assert trial.user_attrs["result"]["epochs"] == epochs
    left = list(checkpoint.folder(study.place.state, study.name).glob("*"))
    assert left == [], "checkpoints of ended trials are gone"


def test_a_killed_workers_trial_goes_on_after_its_last_checkpoint(make_study, scripted):
    study = make_study(**ONE, **LONG)
    played = []

    def play(config, epoch):
        played.append(epoch)
        return 0.5 + 0.01 * epoch

    scripted(kill_at(4, 6, then=play))
    killed(study)
    run = children(study)[0].info.run_id
    killed(study)
    said = work(study)
    assert "trial 0: process 999999999 on" in said[0] and "goes back into the queue" in said[0]
    assert "trial 0 goes on after epoch 5" in said
    assert played == [1, 2, 3, 4, 5, 6, 7, 8], "no epoch was trained twice"
    check_whole(study, 8)
    assert [r.info.run_id for r in children(study)] == [run]


def test_mlflow_may_be_ahead_of_the_checkpoint_or_behind(make_study, scripted, monkeypatch):
    """Ahead: everything is written at once, a checkpoint every third epoch. Behind: nothing was written before."""
    for name, flush in (("ahead", -1.0), ("behind", 1e9)):
        monkeypatch.setattr(tracking, "FLUSH_SECONDS", flush)
        monkeypatch.setattr(checkpoint, "EVERY", 0.0)
        due = iter([False, False, True] * 100)
        monkeypatch.setattr(checkpoint.Cadence, "due", lambda self, due=due: next(due))
        study = make_study(name, state=name, **ONE, **LONG)
        scripted(kill_at(6))
        killed(study)
        assert len(history(study)) == (5 if name == "ahead" else 0)
        assert "trial 0 goes on after epoch 3" in work(study)
        check_whole(study, 8)


def test_without_the_checkpoint_it_starts_over_cleanly(make_study, scripted):
    study = make_study(**ONE, **LONG)
    scripted(kill_at(5))
    killed(study)
    old = children(study)[0].info.run_id
    checkpoint.tidy(checkpoint.folder(study.place.state, study.name), [])  # as on a host that does not share the folder
    said = work(study)
    assert not any("goes on" in text for text in said)
    check_whole(study, 8)
    assert [r.info.run_id for r in children(study, ViewType.DELETED_ONLY)] == [old]


def test_a_damaged_checkpoint_costs_an_epoch(make_study, scripted):
    study = make_study(**ONE, **LONG)
    scripted(kill_at(5))
    killed(study)
    path = checkpoint.folder(study.place.state, study.name) / "0.pt"
    path.write_bytes(path.read_bytes()[:-7])
    said = work(study)
    assert any("0.pt is damaged" in text for text in said) and "trial 0 goes on after epoch 3" in said
    check_whole(study, 8)


def test_a_run_that_someone_deleted_is_made_again_from_the_checkpoint(make_study, scripted):
    study = make_study(**ONE, **LONG)
    scripted(kill_at(5))
    killed(study)
    mlflow.MlflowClient(study.place.tracking).delete_run(children(study)[0].info.run_id)
    assert "trial 0 goes on after epoch 4" in work(study)
    check_whole(study, 8)


def test_a_run_whose_worker_died_before_noting_it_does_not_stay(make_study, scripted, monkeypatch):
    study = make_study(**ONE)
    scripted(kill_at())
    start = tracking.Tracker.start_trial

    def dying(self, *args):
        start(self, *args)
        raise Killed

    monkeypatch.setattr(tracking.Tracker, "start_trial", dying)
    killed(study)
    assert len(children(study)) == 1
    monkeypatch.setattr(tracking.Tracker, "start_trial", start)
    work(study)
    check_whole(study, 4)


@pytest.mark.parametrize("moment", ["end_trial", "set_user_attr", "tell"])
def test_a_worker_may_die_at_any_moment_of_the_end(make_study, scripted, monkeypatch, moment):
    study = make_study(**ONE)
    scripted(kill_at())
    owner = {"end_trial": tracking.Tracker, "set_user_attr": worker.Trial, "tell": type(study.optuna)}[moment]
    original, calls = getattr(owner, moment), []

    def dying(self, *args, **kwargs):
        calls.append(args)
        if moment != "set_user_attr" or args[0] == "result":
            monkeypatch.setattr(owner, moment, original)
            if len(calls) % 2:
                original(self, *args, **kwargs)
            raise Killed
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, moment, dying)
    with pytest.raises(Killed):
        work(study)
    die(study)
    work(study)
    trial = study.optuna.get_trials()[0]
    assert trial.state == TrialState.COMPLETE and trial.value == pytest.approx(0.54)
    assert [step for step, _ in history(study)] == [1, 2, 3, 4]
    assert len(history(study, "test/weighted_f1")) == 1
    assert {r.info.status for r in children(study)} == {"FINISHED"}


def test_a_worker_that_lost_its_lease_stops_and_tells_nothing(make_study, scripted):
    study = make_study(**ONE, **LONG)
    taken = []

    def play(config, epoch):
        if epoch == 3 and not taken:
            # Another machine took this worker for dead, and is quicker.
            trial = opening.trials(study.optuna, [TrialState.RUNNING])[0]
            assert lease.take_over(study.optuna, trial)
            taken.append(lease.claim(study.optuna, 1, lambda n: RandomSampler(seed=n)))
            study.optuna.tell(taken[0], 0.9)
        return 0.5

    scripted(play)
    said = work(study)
    assert "trial 0 was taken over by another worker; left to it" in said
    trial = study.optuna.get_trials()[0]
    assert trial.value == 0.9 and "result" not in trial.user_attrs
    assert children(study)[0].data.tags["state"] == "RUNNING", "the run is the other one's to close"


def test_retries_run_out_with_the_reason_and_all_that_was_measured(make_study, scripted, monkeypatch):
    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 1e9)
    study = make_study(plans={}, search={"trials": 2, "pruner": "none"}, **LONG)
    seen = []

    def play(config, epoch):
        if config.encoder_loss_weight == 0.05 and epoch == 4:
            seen.append(epoch)
            raise Killed
        return 0.5 + 0.01 * epoch

    scripted(play)
    for _ in range(4):
        killed(study)
    assert len(seen) == 4
    said = work(study)
    assert any("trial 0 failed: its worker died 4 times without getting past epoch 3" in text for text in said)
    assert [t.state.name for t in study.optuna.get_trials()] == ["FAIL", "COMPLETE"]
    assert summarise(study)["trials"] == {"complete": 1, "pruned": 0, "failed": 1, "running": 0, "waiting": 0}
    assert "its worker died 4 times" in summarise(study)["failed"][0]
    assert [step for step, _ in history(study)] == [1, 2, 3]
    (run,) = [r for r in children(study) if r.data.tags["trial"] == "0"]
    assert run.info.status == "FAILED" and "its worker died" in run.data.tags["reason"]


def test_being_told_to_leave_is_no_crash(make_study, scripted):
    study = make_study(**ONE, training={"epochs": 12})

    def play(config, epoch):
        STOP.set()  # at every epoch
        return 0.5 + 0.01 * epoch

    scripted(play)
    for _ in range(11):
        with pytest.raises(Interrupted):
            work(study)
        assert children(study)[0].info.status == "KILLED"
    with pytest.raises(Interrupted):  # after the trial's end
        work(study)
    check_whole(study, 12)
    assert "crashes" not in study.optuna.get_trials()[0].user_attrs


def test_an_expired_trial_is_taken_over_while_other_workers_wait(make_study, scripted, monkeypatch):
    """Its worker is on another machine, where nobody can look."""
    monkeypatch.setenv("TUNER_LEASE", "1")
    study = make_study(**ONE)
    trial = lease.claim(study.optuna, 1, lambda n: RandomSampler(seed=n))
    study.optuna._storage.set_trial_user_attr(trial._trial_id, "worker", "elsewhere-abcdef:1:2:3:1")
    scripted(kill_at())
    said = work(study)
    assert said[0] == "1 trials are with other workers; waiting in case one of them stops"
    assert "trial 0: process 1 on elsewhere is gone; it goes back into the queue" in said
    check_whole(study, 4)
    # Meanwhile it was of use: the report's logistic regression is there.
    assert set(study.optuna.user_attrs["reference"]) == {"val/weighted_f1", "test/weighted_f1"}


def test_a_population_that_was_killed_half_way_through_its_checkpoints_goes_on(make_study, scripted, monkeypatch):
    """Two of four have the checkpoint of epoch 3, two that of epoch 2: where they are not one model they go on in two
    groups."""
    monkeypatch.setattr(calibrate, "can_fuse", lambda model: False)
    study = make_study(plans={}, search={"trials": 4, "pruner": "none"}, **LONG)
    calls = scripted(kill_at(4))
    write, written = checkpoint.Checkpoint.write, []

    def half(self, states, times=()):
        written.append(self.path)
        if len(written) > 10:
            raise Killed
        write(self, states, times)

    monkeypatch.setattr(checkpoint.Checkpoint, "write", half)
    with pytest.raises(Killed):
        worker.work(study, device="cpu", population=4, say=lambda text: None)
    die(study)
    monkeypatch.setattr(checkpoint.Checkpoint, "write", write)
    scripted(kill_at())
    said = []
    worker.work(open_study(study.place, study.name), device="cpu", population=4, say=said.append)
    assert sum("goes on after epoch 3" in text for text in said) == 2
    assert sum("goes on after epoch 2" in text for text in said) == 2
    assert len(calls) == 1
    for number in range(4):
        check_whole(study, 8, number)


def test_knobs_come_out_as_they_would_have(make_study, scripted, monkeypatch):
    """A worker that dies between two knobs leaves a trial whose other knobs are drawn as if it had not."""
    search = {"trials": 5, "sampler": "random", "pruner": "none"}
    whole, broken = make_study("s", state="whole", search=search), make_study("s", state="broken", search=search)
    scripted(kill_at())
    work(whole)
    suggest, count = opening.suggest, 0

    def dying(trial, name, spec):
        nonlocal count
        count += 1
        if count in (2, 6, 13, 16):
            raise Killed
        return suggest(trial, name, spec)

    monkeypatch.setattr(opening, "suggest", dying)
    deaths = 0
    while any(not t.state.is_finished() for t in broken.optuna.get_trials()):
        try:
            work(broken)
        except Killed:
            deaths += 1
            die(broken)
    assert deaths == 4
    assert [t.params for t in whole.optuna.get_trials()] == [t.params for t in broken.optuna.get_trials()]


# --- real trainings


def test_curves_after_a_crash_equal_an_uninterrupted_training_bit_for_bit(make_study, monkeypatch):
    settings = {"plans": {}, "search": {"trials": 3, "sampler": "random", "pruner": "none", "replicates": 2}}
    whole, broken = (make_study("s", state=name, **settings) for name in ("whole", "broken"))
    work(whole)
    run_epoch, count = Population.run_epoch, 0

    def dying(self, between):
        nonlocal count
        count += 1
        if count in (3, 7, 11, 12, 16, 20, 24):  # trainings and replicates, several times in a row
            raise Killed
        return run_epoch(self, between)

    monkeypatch.setattr(Population, "run_epoch", dying)
    deaths = 0
    while any(not t.state.is_finished() for t in broken.optuna.get_trials()):
        try:
            work(broken)
        except Killed:
            deaths += 1
            die(broken)
    assert deaths == 7
    assert [t.state for t in broken.optuna.get_trials()] == [TrialState.COMPLETE] * 3
    for one, other in zip(whole.optuna.get_trials(), broken.optuna.get_trials(), strict=True):
        assert (one.params, one.value, one.intermediate_values) == (
            other.params,
            other.value,
            other.intermediate_values,
        )
        left, right = one.user_attrs["result"], other.user_attrs["result"]
        assert left["curves"] == right["curves"] and left["test"] == right["test"]
    assert whole.optuna.user_attrs["replicates"] == open_study(broken.place, "s").optuna.user_attrs["replicates"]
    points = measured(whole)
    assert points == measured(broken)
    assert len(points) > 3 * 4 * 40


# --- a storage that goes away


def test_training_goes_on_while_postgresql_is_away(postgres, make_place, make_study, scripted, monkeypatch, capfd):
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(attempt, "PAUSE", 0.05)
    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 0.05)
    place = make_place()
    place = type(place)(place.state, postgres.database(), postgres.database())
    study = make_study(place=place, **ONE, training={"epochs": 12})
    played, back = [], threading.Timer(1.5, postgres.start)

    def play(config, epoch):
        played.append((epoch, back.is_alive()))
        if epoch == 3:
            postgres.stop()
            back.start()
        if 3 < epoch < 8:
            time.sleep(0.1)
        return 0.5 + 0.01 * epoch

    scripted(play)
    try:
        work(study)
    finally:
        back.join()
    assert (7, True) in played, "epochs went on while the database was away"
    check_whole(study, 12)
    said = capfd.readouterr()
    assert "; waiting" in said.err and "is back, going on" in said.err
    assert "the training goes on" in said.out and "Traceback" not in said.err


def test_what_is_not_a_number_survives_too(make_study, scripted):
    study = make_study(**ONE, **LONG)
    scripted(kill_at(5, then=lambda config, epoch: math.inf if epoch == 2 else 0.5 + 0.01 * epoch))
    killed(study)
    work(study)
    trial = study.optuna.get_trials()[0]
    assert trial.state == TrialState.COMPLETE
    assert [step for step, _ in history(study)] == [1, 3, 4, 5, 6, 7, 8]
    assert np.isfinite(trial.value) or trial.value == math.inf

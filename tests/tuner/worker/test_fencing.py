"""A worker that slept beyond its lease finds that another one has its trial, and writes nothing more anywhere."""

import os
import shutil

import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from tuner.errors import RunError
from tuner.storage import lease, opening, watch
from tuner.storage.watch import Keeper
from tuner.worker.worker import work


@pytest.fixture
def clock(monkeypatch):
    """The clock of leases, which can be put forward as if this process had been suspended."""
    ahead = [0.0]
    before = watch.awake
    monkeypatch.setattr(watch, "awake", lambda: before() + ahead[0])
    return ahead


def takes_over(study, number=0):
    """What another worker does once the lease has run out: back into the queue, then claimed."""
    storage = study.optuna._storage
    (trial,) = [t for t in opening.trials(study.optuna) if t.number == number]
    storage.set_trial_user_attr(trial._trial_id, lease.OWNER, "other-123456:1:1:0:60")


def points(study):
    client = study.tracker().client
    runs = client.search_runs([study.runs.experiment_id])
    return {
        (run.info.run_id, name): [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, name)]
        for run in runs
        for name in run.data.metrics
    }, {run.info.run_id: run.info.status for run in runs}


@pytest.mark.parametrize("how", ["goes on", "breaks"])
def test_a_worker_that_slept_writes_nothing_more(make_study, scripted, clock, monkeypatch, how):
    study = make_study(search={"trials": 1, "pruner": "none"})
    seen = {}

    def play(config, epoch):
        if epoch == 3 and not seen:
            takes_over(study)
            clock[0] += 1000
            seen["points"] = points(study)
            seen["trial"] = study.optuna._storage.get_trial(opening.trials(study.optuna)[0]._trial_id)
            folder = study.place.state / "checkpoints"
            shutil.rmtree(folder, ignore_errors=True)  # the other one's, say: what appears now is the sleeper's
            if how == "breaks":
                raise RunError("MLflow failed: the run is gone")
        return 0.5

    scripted(play)
    monkeypatch.setattr("tuner.tracking.client.FLUSH_SECONDS", -1.0)
    monkeypatch.setattr("tuner.worker.checkpoint.EVERY", 0.0)
    monkeypatch.setattr("tuner.worker.checkpoint.SHARE", 1e9)
    said = []
    assert work(study, device="cpu", say=said.append, stay=False) == 0
    assert points(study) == seen["points"]
    now = study.optuna._storage.get_trial(seen["trial"]._trial_id)
    assert (now.state, now.intermediate_values) == (TrialState.RUNNING, seen["trial"].intermediate_values)
    assert now.user_attrs == seen["trial"].user_attrs
    assert not list((study.place.state / "checkpoints").rglob("*.pt"))
    assert any("taken over by another worker; left to it" in line for line in said)
    assert not any("back in the queue" in line for line in said)


def test_while_the_storage_is_away_nobody_knows(make_study, clock, monkeypatch):
    study = make_study(search={"trials": 2})
    trial = lease.claim(study.optuna, 2, lambda number: study.optuna.sampler)
    keeper = Keeper(study.optuna)
    keeper.hold(trial)
    asked = []

    def away(*_):
        asked.append(1)
        raise StorageInternalError from OSError(28, os.strerror(28))

    monkeypatch.setattr(lease, "holds", away)
    assert keeper.still(trial) is True and not asked
    clock[0] += 1000
    assert keeper.still(trial) is None and asked
    monkeypatch.undo()


def test_a_slow_storage_does_not_stretch_leases(make_study, monkeypatch):
    study = make_study(search={"trials": 2})
    lease.claim(study.optuna, 2, lambda number: study.optuna.sampler)
    keeper = Keeper(study.optuna, lease=10.0)
    now = [1000.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])

    def slow(*_):
        now[0] += 5.0  # a look of five seconds
        return opening.trials(study.optuna, [TrialState.RUNNING])

    monkeypatch.setattr(watch, "trials", slow)
    keeper.look()
    assert keeper._next_look - 1000.0 <= 2 * keeper.lease

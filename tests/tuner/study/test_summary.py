"""What `status --json` says: the keys of the contract, and numbers that agree with the trials."""

import json

import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from tuner.report import finish as finishing
from tuner.storage import lease
from tuner.storage.record import title
from tuner.study.study import open_study
from tuner.study.summary import summarise
from tuner.system.interrupt import STOP, Interrupted
from tuner.system.place import Place
from tuner.worker import worker

CONTRACT = ["name", "state", "metric", "direction", "trials", "epochs_run", "epochs_full", "best", "baseline"]


def work(study):
    worker.work(study, device="cpu", say=lambda text: None)


def test_keys_and_types_are_the_contract(finished_study):
    found = finished_study.summary
    assert list(found)[: len(CONTRACT)] == CONTRACT
    assert (found["name"], found["state"]) == ("tiny", "complete")
    assert (found["metric"], found["direction"]) == ("val/weighted_f1", "maximize")
    assert list(found["trials"]) == ["complete", "pruned", "failed", "running", "waiting"]
    assert all(type(count) is int for count in found["trials"].values())
    assert type(found["epochs_run"]) is int and type(found["epochs_full"]) is int
    for who in ("best", "baseline"):
        assert {"number", "value", "params"} <= set(found[who])
        assert type(found[who]["number"]) is int
        assert type(found[who]["value"]) is float
        assert type(found[who]["params"]) is dict


def test_numbers_agree_with_the_trials(finished_study):
    found = finished_study.summary
    study = open_study(Place.at(finished_study.state), "tiny")
    trials = study.optuna.get_trials()
    assert sum(found["trials"].values()) == len(trials) == 6
    assert found["trials"]["complete"] >= 4
    assert found["epochs_run"] == sum(max(t.intermediate_values) for t in trials)
    assert found["epochs_run"] <= found["epochs_full"] == 24
    best = max((t for t in trials if t.state == TrialState.COMPLETE), key=lambda t: (t.value, -t.number))
    assert (found["best"]["number"], found["best"]["value"]) == (best.number, best.value)
    assert best.params.items() <= found["best"]["params"].items()
    assert found["best"]["value"] >= found["baseline"]["value"]
    assert set(found["pruned"]) == {str(t.number) for t in trials if t.state == TrialState.PRUNED}


def test_baseline_and_plans(finished_study):
    baseline = finished_study.summary["baseline"]
    assert baseline["number"] == 0
    assert baseline["params"]["encoder_loss_weight"] == 0.05
    assert baseline["params"]["reconstruction_loss"] == "mse"
    assert baseline["params"]["gate_reg_weight"] == 0.01
    assert baseline["params"]["classification_loss"] == "cross_entropy"
    plans = finished_study.summary["plans"]
    assert list(plans) == ["basic", "full", "advanced"]
    assert plans["full"]["params"]["weighting"] == "ema_inverse"
    assert plans["advanced"]["params"]["focal_gamma"] == 2.0
    assert plans["basic"]["params"]["weighting"] == "fixed"


def test_states_from_waiting_to_complete(make_study, scripted):
    study = make_study(plans={}, search={"trials": 3, "pruner": "none"})
    assert summarise(study)["state"] == "waiting"
    assert summarise(study)["best"] is None
    assert summarise(study)["baseline"]["value"] is None
    seen = []

    def play(config, epoch):
        seen.append(summarise(study))
        if len(seen) == 6:
            STOP.set()
        return 0.5

    scripted(play)
    with pytest.raises(Interrupted):
        work(study)
    assert [s["state"] for s in seen] == ["running"] * 6
    assert seen[0]["trials"] == {"complete": 0, "pruned": 0, "failed": 0, "running": 1, "waiting": 2}
    assert seen[3]["epochs_run"] == 3
    after = summarise(study)
    assert after["state"] == "interrupted"
    assert after["trials"] == {"complete": 1, "pruned": 0, "failed": 0, "running": 0, "waiting": 2}
    assert (after["epochs_run"], after["epochs_full"]) == (6, 6)
    work(study)
    assert summarise(study)["state"] == "complete"
    assert summarise(study)["epochs_run"] == summarise(study)["epochs_full"] == 12


def test_trial_of_a_dead_worker_is_interrupted_not_running(make_study, scripted):
    study = make_study(plans={}, search={"trials": 1})
    trial = lease.claim(study.optuna, 1, lambda number: RandomSampler(seed=number))
    assert summarise(study)["state"] == "running"
    study.optuna._storage.set_trial_user_attr(trial._trial_id, "worker", "")
    host = lease.worker_id().partition(":")[0]
    study.optuna._storage.set_trial_user_attr(trial._trial_id, "worker", f"{host}:999999999:1")
    assert summarise(study)["state"] == "interrupted"


def test_all_failed_is_failed(make_study, scripted):
    study = make_study(plans={}, search={"trials": 2})

    def play(config, epoch):
        raise ValueError("no")

    scripted(play)
    work(study)
    found = summarise(study)
    assert found["state"] == "failed"
    assert (found["best"], found["epochs_run"], found["epochs_full"]) == (None, 0, 0)
    assert finishing.finish(study)["state"] == "failed"


def test_finish_twice_gives_the_same(make_study, scripted):
    study = make_study(search={"trials": 6, "replicates": 2})
    scripted(lambda config, epoch: 0.5 + config.encoder_loss_weight + epoch / 100)
    work(study)
    assert not finishing.finished(study)
    first = finishing.finish(study)
    assert finishing.finished(study)
    second = finishing.finish(open_study(study.place, "tiny"))
    assert json.dumps(first) == json.dumps(second)
    assert json.dumps(summarise(study)) == json.dumps(first)
    assert first["best"]["measures"]["convergence/reached_95"] == 1.0


def test_finish_before_any_trial_completed_breaks_nothing(make_study, scripted):
    study = make_study(plans={}, search={"trials": 2})
    found = finishing.finish(study)
    assert found["best"] is None
    assert found["diagnosis"] == []


def test_title_names_what_differs():
    from trainer.config import LossConfig

    config = LossConfig(encoder_loss_weight=0.0312, reconstruction_loss="l1", weighting="warmup", warmup_epochs=3)
    assert title(7, config.knobs(), "mine") == "#7 w=0.0312 l1 gate=0.01 warmup=3 (mine)"


def test_logistic_regression_on_the_embedded_data():
    from trainer.data import load
    from tuner.study.reference import logistic_regression

    found = logistic_regression(load("htad", seed=0))
    assert set(found) == {"val/weighted_f1", "test/weighted_f1"}
    assert 0.80 < found["test/weighted_f1"] < 0.92
    assert 0.80 < found["val/weighted_f1"] < 0.92

"""The worker, with a trainer that plays a script: what becomes of a trial, and of the rest when one breaks."""

import errno
import random

import mlflow
import numpy as np
import pytest
from mlflow.entities import ViewType
from optuna.trial import TrialState
from sklearn.metrics import f1_score

from tuner.errors import RunError
from tuner.report.finish import finish
from tuner.storage import lease
from tuner.study.study import open_study
from tuner.study.summary import summarise
from tuner.system.interrupt import STOP, Interrupted
from tuner.worker import model_file, worker
from tuner.worker.model_file import Predictor

PLANS = {"plans": {"basic": {"encoder_loss_weight": 0.03}}}


def work(study, population=1):
    said = []
    count = worker.work(study, device="cpu", population=population, say=said.append)
    return count, said


def states(study):
    return [t.state.name for t in study.optuna.get_trials(deepcopy=False)]


def runs(study, view=ViewType.ACTIVE_ONLY):
    """Child runs by trial number."""
    client = mlflow.MlflowClient(study.place.tracking)
    found = client.search_runs([study.runs.experiment_id], run_view_type=view)
    children = [r for r in found if r.data.tags.get("mlflow.parentRunId") == study.runs.run_id]
    return sorted(children, key=lambda r: int(r.data.tags["trial"]))


def by_weight(config, epoch):
    return 0.5 + config.encoder_loss_weight + 0.01 * epoch


@pytest.mark.parametrize("population", [1, 4])
def test_all_trials_end_once(make_study, scripted, population):
    study = make_study(**PLANS, search={"trials": 8, "pruner": "none"})
    calls = scripted(by_weight)
    count, said = work(study, population)
    assert count == 8
    assert states(study) == ["COMPLETE"] * 8
    assert [len(configs) for configs, _ in calls] == [population] * (8 // population)
    assert len(said) == 8
    assert len(runs(study)) == 8
    assert {r.info.status for r in runs(study)} == {"FINISHED"}
    for trial in study.optuna.get_trials():
        assert trial.value == pytest.approx(0.54 + trial.user_attrs["config"]["encoder_loss_weight"])
        assert trial.user_attrs["result"]["epochs"] == 4
        assert trial.user_attrs["result"]["best_epoch"] == 4


def test_all_trials_share_the_seed(make_study, scripted):
    study = make_study(**PLANS, search={"trials": 3}, seed=7)
    calls = scripted(by_weight)
    work(study)
    assert {seed for _, seed in calls} == {7}


def test_baseline_is_repeated_under_other_seeds(make_study, scripted):
    study = make_study(**PLANS, search={"trials": 2, "replicates": 2})
    calls = scripted(by_weight)
    work(study)
    seeds = [seed for _, seed in calls]
    assert len(seeds) == 4 and len(set(seeds)) == 3
    replicates = open_study(study.place, "tiny").optuna.user_attrs["replicates"]
    assert len(replicates["values"]) == 2
    assert replicates["epochs"] == 8


def test_a_population_is_judged_after_all_have_reported(make_study, scripted):
    """In one lock-step batch the worst are pruned although they were first in line."""
    order = []
    study = make_study(plans={}, search={"trials": 8, "reduction": 2.0, "min_peers": 4}, training={"epochs": 4})
    scripted(lambda config, epoch: order.append(epoch) or config.gate_reg_weight)
    work(study, population=8)
    trials = study.optuna.get_trials()
    assert all(max(t.intermediate_values) >= 2 for t in trials)
    ranked = sorted(trials, key=lambda t: t.user_attrs["config"]["gate_reg_weight"], reverse=True)
    pruned = {t.number for t in trials if t.state == TrialState.PRUNED}
    assert pruned == {t.number for t in ranked[4:] if t.number != 0}  # never the baseline
    assert trials[0].state == TrialState.COMPLETE


def test_protected_plans_are_never_pruned(make_study, scripted):
    plans = {name: {"encoder_loss_weight": 0.03, "gate_reg_weight": 0.01} for name in ("a", "b", "c")}
    study = make_study(plans=plans, search={"trials": 12, "min_peers": 1, "reduction": 3.0})
    named = {0.01}

    def play(config, epoch):
        return 0.1 if config.gate_reg_weight in named else 0.5 + config.gate_reg_weight

    scripted(play)
    work(study)
    trials = study.optuna.get_trials()
    assert [t.state.name for t in trials[:4]] == ["COMPLETE"] * 4
    assert any(t.state == TrialState.PRUNED for t in trials[4:])
    for t in trials:
        if t.state == TrialState.PRUNED:
            assert t.user_attrs["result"]["epochs"] == 2
            assert "epoch 2" in t.user_attrs["result"]["reason"]
    by_trial = runs(study)
    assert [r.info.status for r in by_trial] == [
        "FINISHED" if t.state == TrialState.COMPLETE else "KILLED" for t in trials
    ]
    assert [r.data.tags["state"] for r in by_trial] == [t.state.name for t in trials]
    summary = summarise(study)
    assert summary["epochs_run"] == sum(t.user_attrs["result"]["epochs"] for t in trials)
    assert summary["epochs_full"] == 48


def test_diverged_member_is_pruned_with_the_reason_and_the_others_go_on(make_study, scripted):
    study = make_study(**PLANS, search={"trials": 4, "pruner": "none"})

    def play(config, epoch):
        if config.encoder_loss_weight == 0.03 and epoch == 3:
            return "not finite: loss/reconstruction"
        return by_weight(config, epoch)

    scripted(play)
    work(study, population=4)
    assert states(study) == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE"]
    result = study.optuna.get_trials()[1].user_attrs["result"]
    assert result["reason"] == "diverged at epoch 3: not finite: loss/reconstruction"
    assert result["epochs"] == 3
    run = runs(study)[1]
    assert run.info.status == "KILLED"
    assert run.data.tags["state"] == "PRUNED"
    assert "not finite" in run.data.tags["reason"]
    assert summarise(study)["pruned"] == {1: result["reason"]}


def test_diverged_in_the_first_epoch(make_study, scripted):
    study = make_study(plans={}, search={"trials": 2})
    scripted(lambda config, epoch: "not finite: loss/classification" if config.encoder_loss_weight == 0.05 else 0.5)
    work(study)
    assert states(study) == ["PRUNED", "COMPLETE"]
    assert summarise(study)["baseline"]["value"] is None


def test_crash_fails_the_trial_keeps_the_traceback_and_the_others_go_on(make_study, scripted):
    study = make_study(**PLANS, search={"trials": 4, "pruner": "none"})

    def play(config, epoch):
        if config.encoder_loss_weight == 0.03 and epoch == 2:
            raise ZeroDivisionError("the moon is full")
        return by_weight(config, epoch)

    scripted(play)
    count, _ = work(study)
    assert count == 4
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    result = study.optuna.get_trials()[1].user_attrs["result"]
    assert result["reason"] == "ZeroDivisionError: the moon is full"
    assert "Traceback" in result["traceback"] and "play" in result["traceback"]
    run = runs(study)[1]
    assert run.info.status == "FAILED"
    assert run.data.tags["state"] == "FAIL"
    assert "the moon is full" in run.data.tags["reason"]
    summary = finish(study)
    assert summary["trials"]["failed"] == 1
    assert summary["state"] == "complete"
    assert summary["failed"] == {1: "ZeroDivisionError: the moon is full"}


def test_three_failures_in_a_row_stop_the_worker(make_study, scripted):
    study = make_study(**PLANS, search={"trials": 6})

    def play(config, epoch):
        raise ValueError("no such thing")

    scripted(play)
    with pytest.raises(RunError, match=r"3 trials in a row failed.*ValueError: no such thing"):
        work(study)
    assert states(study) == ["FAIL"] * 3 + ["WAITING"] * 3


def test_failures_with_a_success_between_do_not_stop_the_worker(make_study, scripted):
    study = make_study(plans={}, search={"trials": 6, "pruner": "none"})
    seen = []

    def play(config, epoch):
        if epoch == 1:
            seen.append(config)
            if len(seen) % 3:
                raise ValueError("now and then")
        return 0.5

    scripted(play)
    assert work(study)[0] == 6
    assert states(study) == ["FAIL", "FAIL", "COMPLETE"] * 2


def test_full_disk_stops_the_worker(make_study, scripted):
    study = make_study(**PLANS, search={"trials": 3})

    def play(config, epoch):
        raise OSError(errno.ENOSPC, "No space left on device")

    scripted(play)
    with pytest.raises(RunError, match="No space left on device") as caught:
        work(study)
    assert "start again to resume" in str(caught.value)
    assert states(study) == ["WAITING", "WAITING", "WAITING"]


def test_interrupted_trial_goes_back_and_goes_on_with_its_knobs_and_its_run(make_study, scripted):
    study = make_study(plans={}, search={"trials": 3, "pruner": "none"})
    interrupt = True

    def play(config, epoch):
        nonlocal interrupt
        if interrupt and config.encoder_loss_weight != 0.05 and epoch == 3:
            interrupt = False
            STOP.set()
        return by_weight(config, epoch)

    scripted(play)
    with pytest.raises(Interrupted):
        work(study)
    assert states(study) == ["COMPLETE", "WAITING", "WAITING"]
    assert summarise(study)["state"] == "interrupted"
    before = study.optuna.get_trials()[1]
    old = runs(study)[1]
    assert (old.info.status, old.data.tags["state"]) == ("KILLED", "INTERRUPTED")

    assert work(open_study(study.place, "tiny"))[0] == 2
    assert states(study) == ["COMPLETE"] * 3
    after = study.optuna.get_trials()[1]
    assert after.params == before.params
    assert after.user_attrs["config"] == before.user_attrs["config"]
    active = runs(study)
    assert [r.data.tags["trial"] for r in active] == ["0", "1", "2"]
    assert {r.info.status for r in active} == {"FINISHED"}
    assert active[1].info.run_id == old.info.run_id and runs(study, ViewType.DELETED_ONLY) == []
    client = mlflow.MlflowClient(study.place.tracking)
    history = client.get_metric_history(active[1].info.run_id, "val/weighted_f1")
    assert [m.step for m in history] == [1, 2, 3, 4]


def test_a_population_that_is_interrupted_goes_back_as_a_whole(make_study, scripted):
    study = make_study(plans={}, search={"trials": 5})

    def play(config, epoch):
        if epoch == 2:
            raise Interrupted
        return 0.5

    scripted(play)
    with pytest.raises(Interrupted):
        work(study, population=4)
    assert states(study) == ["WAITING"] * 5


def test_signal_handlers_are_put_back(make_study, scripted):
    import signal

    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    study = make_study(plans={}, search={"trials": 1})
    scripted(by_weight)
    work(study)
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_minimised_objective(make_study, scripted):
    study = make_study(plans={}, objective="val/cross_entropy", search={"trials": 6, "min_peers": 2, "reduction": 2.0})
    scripted(by_weight)
    work(study)
    done = [t for t in study.optuna.get_trials() if t.state == TrialState.COMPLETE]
    best = summarise(study)["best"]
    assert best["value"] == min(t.value for t in done)
    assert best["params"]["encoder_loss_weight"] == min(t.user_attrs["config"]["encoder_loss_weight"] for t in done)
    assert summarise(study)["direction"] == "minimize"


def test_searched_knob_without_its_choice_leaves_the_baseline_alone(make_study, scripted):
    """focal_gamma alone: the trials are focal, the baseline stays cross-entropy and draws no gamma."""
    study = make_study(plans={}, knobs={"focal_gamma": {"low": 0.5, "high": 2.0}}, search={"trials": 3})
    scripted(lambda config, epoch: 0.5)
    work(study)
    assert states(study) == ["COMPLETE"] * 3
    configs = [t.user_attrs["config"] for t in study.optuna.get_trials()]
    assert [c["classification_loss"] for c in configs] == ["cross_entropy", "focal", "focal"]
    assert configs[0]["focal_gamma"] == 0
    assert all(c["focal_gamma"] >= 0.5 for c in configs[1:])


def same(one, other):
    def facts(study):
        return [(t.params, t.value, t.state) for t in study.optuna.get_trials()]

    return facts(one) == facts(other)


def noisy(config, epoch):
    return random.Random(repr(config.knobs())).random() + 0.01 * epoch + config.encoder_loss_weight


def test_same_seed_same_study_and_another_seed_another(make_study, scripted):
    search = {"trials": 12, "startup_trials": 4, "min_peers": 2}
    studies = [make_study(f"s{i}", state=f"s{i}", search=search, seed=seed) for i, seed in enumerate((1, 1, 2))]
    scripted(noisy)
    for study in studies:
        work(study)
    assert same(studies[0], studies[1])
    assert not same(studies[0], studies[2])
    free = [[t.params for t in s.optuna.get_trials()[4:]] for s in studies]
    assert not any(a == b for a, b in zip(free[0], free[2], strict=True))
    assert "PRUNED" in states(studies[0])


def test_interrupted_and_resumed_equals_uninterrupted(make_study, scripted):
    search = {"trials": 12, "startup_trials": 4, "min_peers": 2}
    whole = make_study("s", state="whole", search=search)
    broken = make_study("s", state="broken", search=search)
    scripted(noisy)
    work(whole)

    count = 0

    def breaking(config, epoch):
        nonlocal count
        count += 1
        if count in (2, 11, 21, 30):  # in different epochs of different trials
            STOP.set()
        return noisy(config, epoch)

    scripted(breaking)
    interruptions = 0
    while "WAITING" in states(broken):
        try:
            work(open_study(broken.place, "s"))
        except Interrupted:
            interruptions += 1
    assert interruptions == 4
    assert same(whole, broken)
    assert summarise(whole)["best"]["number"] == summarise(broken)["best"]["number"]
    assert summarise(whole)["epochs_run"] == summarise(broken)["epochs_run"]


def test_only_a_leading_trial_keeps_its_model(make_study, scripted):
    study = make_study(plans={}, search={"trials": 5, "pruner": "none"})
    scripted(by_weight)
    work(study)
    client = mlflow.MlflowClient(study.place.tracking)
    leading, best = [], -1.0
    for run, trial in zip(runs(study), study.optuna.get_trials(), strict=True):
        has = any(a.path == "model" for a in client.list_artifacts(run.info.run_id))
        assert has == (trial.value >= best), trial.number
        leading.append(has)
        best = max(best, trial.value)
    assert leading[0] and not all(leading)


def test_best_model_is_reloaded_and_reproduces_its_test_score(make_study):
    """A real training: the artifact alone, with raw features, gives the test weighted F1 that was reported."""
    study = make_study(plans={}, search={"trials": 3, "pruner": "none"}, training={"learning_rate": 0.02})
    work(study)
    best = summarise(study)["best"]
    run = runs(study)[best["number"]]
    client = mlflow.MlflowClient(study.place.tracking)
    folder = client.download_artifacts(run.info.run_id, "model")
    predictor = Predictor(type(study.place.state)(folder))
    data = study.data()
    rows = data.rows(2)
    found = predictor.probabilities(data.matrix()[rows])
    assert found.shape == (len(rows), 3)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    score = f1_score(data.labels[rows], found.argmax(1), average="weighted")
    assert score == pytest.approx(best["test"]["test/weighted_f1"], abs=1e-5)
    assert score > 0.4, "a model that knows nothing proves little"
    assert predictor.label_names == ["walk", "run (fast)", "sit/stand"]


def test_predictor_says_what_is_missing(tmp_path):
    from tuner.errors import InputError

    with pytest.raises(InputError, match="holds no saved model"):
        Predictor(tmp_path)
    (tmp_path / model_file.CONFIG).write_text("{}")
    (tmp_path / model_file.WEIGHTS).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="holds no saved model"):
        Predictor(tmp_path)


def test_claimed_trials_carry_the_worker(make_study, scripted):
    study = make_study(plans={}, search={"trials": 1})
    scripted(by_weight)
    work(study)
    assert study.optuna.get_trials()[0].user_attrs["worker"].startswith(lease.worker_id() + ":")

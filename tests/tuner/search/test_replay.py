"""A replay of recorded curves gives what a study with that pruner gives."""

import math

import pytest
from optuna.pruners import MedianPruner, NopPruner
from optuna.trial import TrialState

from benchmarks import replay
from trainer.objective import Objective
from tuner.errors import InputError
from tuner.search.pruning import RungPruner
from tuner.storage import opening
from tuner.worker import worker

EPOCHS = 12


def level(config):
    """Where a config's curve ends: anything that differs from config to config."""
    return 0.5 + 0.4 * math.sin(1e4 * config.encoder_loss_weight + 3 * config.gate_reg_weight)


def rising(config, epoch):
    """Curves that cross: those that end high may begin low."""
    return level(config) * (1 - math.exp(-epoch * (0.2 + 0.5 * (1000 * config.encoder_loss_weight % 1))))


def run(make_study, state, **search):
    study = make_study(state, state=state, training={"epochs": EPOCHS}, search={"trials": 24, **search})
    worker.work(study, device="cpu", say=lambda text: None)
    return study


def test_replay_prunes_what_a_study_prunes(make_study, scripted):
    scripted(rising)
    setting = {"first_rung": 0.2, "reduction": 2.0, "min_peers": 3, "sampler": "random"}
    pruned = run(make_study, "pruned", **setting)
    full = run(make_study, "full", **{**setting, "pruner": "none"})
    trials, _ = replay.read(full.place, "full")
    pruner = RungPruner(EPOCHS, 0.2, 2.0, 3)
    played = replay.play(
        [t.curve for t in trials], [t.named for t in trials], range(24), pruner, workers=1, judged=pruner.rungs
    )
    really = opening.trials(pruned.optuna)
    assert [t.params for t in really] == [t.params for t in opening.trials(full.optuna)]
    assert 0 < sum(t.state == TrialState.PRUNED for t in really) < 20
    assert played.epochs == sum(len(t.intermediate_values) for t in really) < 24 * EPOCHS
    assert played.chosen == max((t for t in really if t.value is not None), key=lambda t: t.value).number


def test_without_a_pruner_all_is_trained_and_the_best_is_found():
    curves = [[0.1, 0.5, 0.3], [0.2, 0.2, 0.4], [0.6, 0.1, 0.1]]
    for workers in (1, 2, 5):
        found = replay.play(curves, [False] * 3, [2, 0, 1], NopPruner(), workers, judged=[1, 2])
        assert found == replay.Outcome(9, 2)


def test_protected_trials_are_never_pruned():
    curves = [[0.1] * 10, *([0.9 + i / 100] * 10 for i in range(7))]
    pruner = RungPruner(10, 0.2, 8.0, 2)
    rungs = pruner.rungs
    last = [*range(1, 8), 0]
    kept = replay.play(curves, [True] + [False] * 7, last, pruner, 8, rungs)
    assert kept.epochs - replay.play(curves, [False] * 8, last, pruner, 8, rungs).epochs == 10 - rungs[0]


def test_workers_at_the_same_epoch_see_each_other():
    """In lock-step all report before one is judged; one after the other, the first has no peers yet."""
    curves = [[0.1] * 4, [0.2] * 4, [0.3] * 4, [0.4] * 4]
    pruner = RungPruner(4, 0.5, 4.0, 2)
    assert replay.play(curves, [False] * 4, range(4), pruner, 4, pruner.rungs).epochs == 2 + 2 + 2 + 4
    assert replay.play(curves, [False] * 4, range(4), pruner, 1, pruner.rungs).epochs == 16


def test_optunas_own_pruners_replay():
    curves = [[0.5 + i / 100] * 6 for i in (9, 8, 7, 3, 2, 1)]
    found = replay.play(curves, [False] * 6, range(6), MedianPruner(2, 1), 1, judged=range(1, 6))
    assert found.chosen == 0 and found.epochs < 36


def test_table_marks_what_nothing_beats():
    rows = [
        replay.Row("cheap", 0.2, 1.0, 2.0, 0.5, 0.01),
        replay.Row("worse", 0.3, 1.0, 2.0, 0.5, 0.01),
        replay.Row("sure", 0.6, 0.0, 0.0, 1.0, 0.0),
    ]
    lines = replay.table(rows).splitlines()[1:]
    assert [line.startswith("*") for line in lines] == [True, False, True]
    assert replay.average([rows, rows]) == rows


def test_a_study_that_minimises_and_one_without_trials(make_study, scripted, monkeypatch):
    scripted(lambda config, epoch: 1.0 / epoch)
    study = make_study(objective="val/cross_entropy", search={"trials": 4, "pruner": "none"})
    assert Objective(study.spec.objective).direction == "minimize"
    worker.work(study, device="cpu", say=lambda text: None)
    trials, _ = replay.read(study.place, "tiny")
    assert trials[0].curve == [-1.0, -1 / 2, -1 / 3, -1 / 4]
    monkeypatch.setattr("sys.argv", ["replay", str(study.place.state), "tiny"])
    with pytest.raises(InputError, match="at least 10 completed trials; found 4"):
        replay.main()

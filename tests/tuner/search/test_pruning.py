"""The rung rule depends on what was reported at the rung, and not on the order of asking."""

import math
import random

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from tuner.search.pruning import RungPruner, rungs


def study_of(curves, direction="maximize", states=None):
    """A study in memory with one trial a curve (epoch to value, or a list from epoch 1)."""
    study = optuna.create_study(direction=direction)
    for i, curve in enumerate(curves):
        values = dict(curve) if isinstance(curve, dict) else dict(enumerate(curve, 1))
        state = states[i] if states else TrialState.RUNNING
        value = max(values.values()) if state == TrialState.COMPLETE else None
        study.add_trial(create_trial(state=state, value=value, intermediate_values=values))
    return study


def pruned(study, pruner, order=None):
    trials = study.get_trials()
    return {i for i in (order or range(len(trials))) if pruner.prune(study, trials[i])}


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 10, 30, 50, 100, 1000])
@pytest.mark.parametrize("first", [0.01, 0.1, 0.34, 0.9])
def test_rungs_stand_between_the_second_epoch_and_the_last(epochs, first):
    found = rungs(epochs, first)
    assert found == sorted(set(found))
    assert all(2 <= rung < epochs for rung in found)


def test_rungs_of_the_default():
    assert rungs(30, 0.1) == [3, 6, 12]
    assert rungs(1, 0.1) == []
    assert rungs(4, 0.1) == [2]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_outcome_is_the_same_over_fifty_orders(direction):
    rng = random.Random(0)
    values = [[rng.random() for _ in range(2)] for _ in range(9)]
    pruner = RungPruner(10, first=0.2, reduction=3, min_peers=2)
    study = study_of(values, direction)
    best = max if direction == "maximize" else min
    ranked = sorted(range(9), key=lambda i: best(values[i]), reverse=direction == "maximize")
    outcomes = set()
    for _ in range(50):
        order = list(range(9))
        rng.shuffle(order)
        outcomes.add(frozenset(pruned(study, pruner, order)))
    assert outcomes == {frozenset(ranked[3:])}  # the best 9 / 3 go on


def test_outcome_does_not_depend_on_the_order_of_telling():
    """Those who were judged and pruned first still count as peers of those who are judged later."""
    values = [[i / 10] * 2 for i in range(9)]
    pruner = RungPruner(10, first=0.2, reduction=3, min_peers=2)
    states = [TrialState.PRUNED] * 4 + [TrialState.RUNNING] * 4 + [TrialState.COMPLETE]
    assert pruned(study_of(values), pruner) == pruned(study_of(values, states=states), pruner) == set(range(6))


@pytest.mark.parametrize(("peers", "reduction", "survivors"), [(4, 2, 2), (9, 3, 3), (10, 3, 4), (8, 4, 2), (2, 5, 1)])
def test_the_best_share_goes_on(peers, reduction, survivors):
    study = study_of([[0.1, i / 10] for i in range(peers)])
    pruner = RungPruner(10, first=0.2, reduction=reduction, min_peers=2)
    assert pruned(study, pruner) == set(range(peers - survivors))


def test_fewer_than_min_peers_stop_nobody():
    curves = [[0.1, i / 10] for i in range(3)]
    assert pruned(study_of(curves), RungPruner(10, first=0.2, reduction=3, min_peers=4)) == set()
    assert pruned(study_of(curves), RungPruner(10, first=0.2, reduction=3, min_peers=3)) == {0, 1}


def test_only_rungs_judge():
    curves = [[0.1, i / 10, i / 10] for i in range(6)]  # all are past the rung at 2
    assert pruned(study_of(curves), RungPruner(20, first=0.1, min_peers=2)) == set()


def test_values_after_the_rung_do_not_count():
    late = {1: 0.1, 2: 0.1, 3: 0.9}  # better later, worse at the rung
    study = study_of([late, late, [0.2, 0.2], [0.2, 0.3]])
    pruner = RungPruner(20, first=0.1, reduction=2, min_peers=2)
    assert pruned(study, pruner) == set()


def test_the_best_so_far_counts_and_not_the_last():
    study = study_of([[0.9, 0.1], [0.2, 0.3], [0.2, 0.4], [0.2, 0.5]])
    pruner = RungPruner(20, first=0.1, reduction=4, min_peers=2)
    assert pruned(study, pruner) == {1, 2, 3}


def test_nan_is_worse_than_any_number():
    study = study_of([[math.nan, math.nan], [math.nan, 0.1], [0.2, 0.2], [0.3, math.nan]])
    pruner = RungPruner(20, first=0.1, reduction=2, min_peers=2)
    assert pruned(study, pruner) == {0, 1}


def test_all_nan_prunes_nobody_and_does_not_break():
    assert pruned(study_of([[math.nan] * 2] * 4), RungPruner(20, first=0.1, min_peers=2)) == set()


def test_equals_share_their_fate():
    study = study_of([[0.5, 0.5]] * 4 + [[0.1, 0.1]] * 4)
    assert pruned(study, RungPruner(20, first=0.1, reduction=4, min_peers=2)) == {4, 5, 6, 7}


def test_a_tie_goes_to_the_better_mean():
    study = study_of([[0.5, 0.5], [0.3, 0.5], [0.1, 0.5], [0.5, 0.4]])
    assert pruned(study, RungPruner(20, first=0.1, reduction=4, min_peers=2)) == {1, 2, 3}


def test_no_report_is_never_pruned():
    study = study_of([{}, [0.1, 0.2], [0.1, 0.3], [0.1, 0.4], [0.1, 0.5]])
    assert 0 not in pruned(study, RungPruner(20, first=0.1, min_peers=2))


@pytest.mark.parametrize("steps", [range(7, 51, 7), range(1, 51), range(0, 50, 5), range(3, 50, 13)])
def test_any_rhythm_is_judged_at_the_first_report_at_or_past_a_rung(steps):
    pruner = RungPruner(50, first=0.1, reduction=3, min_peers=4)
    steps = [max(step, 1) for step in steps]
    first = next(step for step in steps if step >= 5)
    study = study_of([{step: i + step / 100 for step in steps if step <= first} for i in range(9)])
    assert pruned(study, pruner) == set(range(6))


def test_steps_far_beyond_the_epochs_are_judged_once():
    pruner = RungPruner(10, first=0.2, reduction=2, min_peers=2)
    assert pruned(study_of([{1: i, 201: i} for i in range(4)]), pruner) == {0, 1}
    assert pruned(study_of([{1: i, 201: i, 401: i} for i in range(4)]), pruner) == set()


def test_the_last_epoch_judges_nobody_and_of_several_rungs_the_latest_counts():
    pruner = RungPruner(50, first=0.1, min_peers=2)
    assert pruner.passed(0, 50) is None and pruner.passed(4, 30) == 20 and pruner.passed(20, 30) is None
    assert [e for e in range(1, 51) if pruner.passed(e - 1, e) is not None] == pruner.rungs


def test_rhythms_that_differ_compare_at_their_own_first_report():
    study = study_of([{7: 0.1}, {5: 0.2, 6: 0.0}, {9: 0.3}, {5: 0.4, 50: 9.0}])
    pruner = RungPruner(50, first=0.1, reduction=2, min_peers=2)
    assert pruned(study, pruner) == {0}, "#1 and #3 are past it and are not asked again"
    assert not pruner.meets(study_of([{1: 0.1, 4: 0.2, 50: 0.3}]).get_trials()[0])

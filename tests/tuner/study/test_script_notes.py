"""What a study of a script says of itself: weighted objectives, shared folders, rungs that nobody met."""

from datetime import datetime, timedelta

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from tuner.search.pruning import RungPruner
from tuner.spec import file as study_file
from tuner.study import script_notes

BEGIN = datetime(2026, 1, 1)


def spec_of(objective="val/rmse", direction="minimize"):
    return study_file.parse(
        {
            "command": "train {w}",
            "objective": objective,
            "direction": direction,
            "plans": {},
            "knobs": {"w": {"low": 0.0, "high": 4.0}},
            "baseline": {"w": 1.0},
            "training": {"epochs": 50},
        }
    )


def trial(w, curve, side_by_side=False, number=0, **result):
    found = create_trial(
        state=TrialState.COMPLETE,
        value=min(curve.values()),
        params={"w": w},
        intermediate_values=curve,
        distributions={"w": FloatDistribution(0.0, 4.0)},
        user_attrs={"result": {"epochs": 3, **result}},
    )
    found.number = number
    found.datetime_start = BEGIN + timedelta(minutes=0 if side_by_side else number)
    found.datetime_complete = found.datetime_start + timedelta(seconds=50)
    return found


def said(trials, spec=None):
    return "\n".join(script_notes.found(spec or spec_of(), RungPruner(50), trials))


def test_a_sum_is_found_by_its_name():
    for name in ("val/loss", "total_loss", "val_loss", "elbo", "train/total"):
        assert "named like a weighted loss" in said([], spec_of(name)), name
    for name, direction in (("val/cross_entropy", "minimize"), ("loss", "maximize"), ("glossy", "minimize")):
        assert said([], spec_of(name, direction)) == ""


def test_a_sum_is_found_by_how_it_moves():
    weights = [0.1, 0.4, 0.9, 1.7, 2.5, 3.1, 3.9]
    summed = [trial(w, {1: 100 + 29 * w, 10: 10 + 3 * w}, number=i) for i, w in enumerate(weights)]
    assert "as a weighted sum does" in said(summed)
    honest = [trial(w, {1: 100 + (-1) ** i, 10: 10 + 3 * w}, number=i) for i, w in enumerate(weights)]
    assert said(honest) == ""
    assert "weighted sum" not in said(summed, spec_of(direction="maximize"))


def test_no_rung_was_met():
    trials = [trial(1.0, {1: 0.5, 50: 0.4}, number=i) for i in range(4)]
    assert "No trial met a rung" in said(trials) and "reported its objective at 1, 50" in said(trials)
    assert said([trial(1.0, {7: 0.5}, number=i) for i in range(4)]) == ""


def test_a_trial_that_went_on_from_another():
    trials = [trial(1.0, {1: 0.5, 10: 0.4}), trial(1.0, {4: 0.3, 10: 0.2}, number=1)]
    assert "Trial 1 began at epoch 4, where others began at 1" in said(trials)


@pytest.mark.parametrize(("side_by_side", "found"), [(False, True), (True, False)])
def test_files_that_every_trial_writes(side_by_side, found):
    trials = [trial(1.0, {10: 0.5}, side_by_side, i, wrote=["snapshot.txt", f"run-{i}.txt"]) for i in range(3)]
    assert ("write the same files in the script's folder (snapshot.txt)" in said(trials)) == found


def test_how_metrics_were_read_is_said_once():
    trials = [trial(1.0, {10: 0.5}, number=i, notes=["an epoch was odd"]) for i in range(7)]
    assert said(trials) == "Trials 0, 1, 2, 3, 4 and 2 more: an epoch was odd."

"""The cache of trials says what the database says, whoever changed it, and does not read waiting trials again."""

import math
import random

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from tuner.storage import opening

KNOBS = {
    "x": FloatDistribution(0, 1),
    "layers": IntDistribution(0, 3),
    "loss": CategoricalDistribution(("mse", "smooth_l1")),
}


@pytest.fixture
def url(make_place):
    return make_place().storage


def change(rng, storages, study_id):
    """One random change of the queue, by one of those who have it open, as a worker or `start` makes them."""
    backend = rng.choice(storages)
    trials = backend.get_all_trials(study_id)
    waiting = [t._trial_id for t in trials if t.state == TrialState.WAITING]
    running = [t._trial_id for t in trials if t.state == TrialState.RUNNING]
    what = rng.choice(["enqueue", "claim", "claim", "suggest", "report", "attribute", "back", "tell", "tell"])
    if what == "enqueue":
        backend.create_new_trial(study_id, create_trial(state=TrialState.WAITING, user_attrs={"overrides": {}}))
    elif what == "claim" and waiting:
        backend.set_trial_state_values(rng.choice(waiting[:2]), TrialState.RUNNING)
    elif not running:
        return
    elif what == "suggest":
        name, distribution = rng.choice(sorted(KNOBS.items()))
        backend.set_trial_param(rng.choice(running), name, rng.randrange(2), distribution)
    elif what == "report":
        value = rng.choice([rng.random(), math.inf, -math.inf, math.nan])
        backend.set_trial_intermediate_value(rng.choice(running), rng.randrange(5), value)
    elif what == "attribute":
        backend.set_trial_user_attr(rng.choice(running), "worker", rng.random())
    elif what == "back":
        backend.set_trial_state_values(rng.choice(running), TrialState.WAITING)
    elif what == "tell":
        state = rng.choice([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
        values = [rng.choice([rng.random(), math.inf, -math.inf])] if state == TrialState.COMPLETE else None
        backend.set_trial_state_values(rng.choice(running), state, values)


def test_the_cache_is_the_database_whoever_changes_it(url, request):
    rng = random.Random(0)
    storages = [opening.open_storage(url) for _ in range(3)]
    study_id = optuna.create_study(study_name="s", storage=storages[0])._study_id
    other = optuna.create_study(study_name="another", storage=storages[1])._study_id
    for _ in range(6):
        storages[0].create_new_trial(study_id, create_trial(state=TrialState.WAITING))
    optunas_own = optuna.storages.RDBStorage(url)
    request.addfinalizer(optunas_own.engine.dispose)
    seen = set()
    for _ in range(120):
        change(rng, storages, study_id if rng.random() < 0.8 else other)
        looking = rng.choice(storages)
        truth = optunas_own.get_all_trials(study_id)
        # As text, in which a NaN equals a NaN.
        assert repr(looking.get_all_trials(study_id)) == repr(truth)
        states = rng.sample(sorted(TrialState), 2)
        some = [trial for trial in truth if trial.state in states]
        assert repr(looking._backend.get_all_trials(study_id, states=states)) == repr(some)
        seen |= {trial.state for trial in truth}
    assert seen == set(TrialState)


def test_waiting_trials_are_read_once_and_claimed_ones_always(url, monkeypatch):
    mine, other = opening.open_storage(url), opening.open_storage(url)
    study = optuna.create_study(study_name="s", storage=mine)
    opening.enqueue(study, 20, [])
    read = []
    real = mine._backend._get_trials
    monkeypatch.setattr(mine._backend, "_get_trials", lambda *a, **k: read.append(real(*a, **k)) or read[-1])
    opening.trials(study)
    opening.trials(study)
    other.set_trial_state_values(read[0][3]._trial_id, TrialState.RUNNING)
    opening.trials(study)
    opening.trials(study)
    assert [[t.number for t in found] for found in read] == [list(range(20)), [], [3], [3]]

"""Samplers: explicit settings and a seed of its own for each trial."""

import optuna
import pytest
from optuna.samplers import GPSampler, RandomSampler

from tuner.search.sampling import sampler
from tuner.search.tpe import RungTPESampler
from tuner.spec import file as study_file
from tuner.spec.sections import SearchSection


def spec(seed=0, **search):
    """Of 50 epochs, with these settings of the search."""
    return study_file.load("quickstart").model_copy(update={"seed": seed, "search": SearchSection(**search)})


def drawn(sampling, seed, number):
    study = optuna.create_study(sampler=sampler(spec(seed, sampler=sampling), number))
    return study.ask().suggest_float("x", 0, 1)


@pytest.mark.parametrize("sampling", ["tpe", "gp", "random"])
def test_every_trial_and_every_study_seed_draws_its_own_numbers(sampling):
    values = [drawn(sampling, seed, number) for seed in (0, 1) for number in range(4)]
    assert len(set(values)) == 8
    assert drawn(sampling, 0, 3) == values[3]


def test_tpe_settings_are_explicit(monkeypatch):
    given = {}
    monkeypatch.setattr(
        "tuner.search.sampling.RungTPESampler", lambda *own, **settings: given.update(settings, own=own)
    )
    sampler(spec(startup_trials=7, first_rung=0.2), 1)
    assert given.pop("seed") > 0
    assert given.pop("own") == ([10, 20, 50],)
    assert given == {"n_startup_trials": 7, "multivariate": True, "group": True, "constant_liar": True}


@pytest.mark.parametrize(("sampling", "kind"), [("tpe", RungTPESampler), ("gp", GPSampler), ("random", RandomSampler)])
def test_kinds(sampling, kind):
    assert isinstance(sampler(spec(sampler=sampling), 0), kind)


@pytest.mark.parametrize("sampling", ["tpe", "gp", "random"])
def test_each_sampler_searches_and_conditional_knobs_exist_where_they_apply(make_study, scripted, sampling):
    from tuner.worker import worker

    study = make_study(plans={}, search={"trials": 6, "sampler": sampling, "startup_trials": 3, "pruner": "none"})
    scripted(lambda config, epoch: config.encoder_loss_weight)
    assert worker.work(study, device="cpu", say=lambda text: None) == 6
    params = [t.params for t in study.optuna.get_trials()]
    assert len({p["encoder_loss_weight"] for p in params}) >= 5  # gp may try an end of the range twice
    for p in params:
        assert ("focal_gamma" in p) == (p["classification_loss"] == "focal")
        assert 0.01 <= p["encoder_loss_weight"] <= 0.1
        assert 0 <= p["gate_reg_weight"] <= 0.05

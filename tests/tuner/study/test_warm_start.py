"""A new study tries the best configs of an earlier one, marked, after the plans, and only those that it can reach."""

import json

import pytest
from optuna.trial import TrialState

from tuner.errors import InputError
from tuner.run.options import StartOptions
from tuner.run.start import make_or_resume
from tuner.spec.edit import with_overrides
from tuner.storage import opening
from tuner.study.make import create_study
from tuner.study.study import open_study
from tuner.study.warm_start import TOP, from_study
from tuner.worker import worker


def by_weight(config, epoch):
    """The nearer to 0.02 the better."""
    return 1 - abs(config.encoder_loss_weight - 0.02)


@pytest.fixture
def first(make_study, scripted):
    """A finished study of 12 trials without pruning."""
    scripted(by_weight)
    study = make_study("first", search={"trials": 12, "sampler": "random", "pruner": "none"})
    worker.work(study, device="cpu", say=lambda text: None)
    return study


def ranked(study):
    """Trials that are no plan, best first."""
    free = [t for t in opening.trials(study.optuna) if "plan" not in t.user_attrs]
    return sorted(free, key=lambda t: -t.value)


def test_the_best_come_first_with_where_they_are_from(first):
    found = from_study(first.place, "first", first.spec)
    best = ranked(first)[:TOP]
    assert [one.origin.trial for one in found] == [t.number for t in best]
    assert [one.params for one in found] == [t.params for t in best]
    assert [one.origin.value for one in found] == [t.value for t in best]
    assert {one.origin.study for one in found} == {"first"}


def test_a_new_study_tries_them_after_the_plans(first, tiny, capsys):
    from rich.console import Console

    from tuner.run.start import _warm_start

    place = first.place
    taken = from_study(place, "first", first.spec)
    second = make_or_resume(place, StartOptions(study=str(tiny), name="second", trials=12, warm_start="first"))
    waiting = opening.trials(second.optuna)
    assert [t.user_attrs.get("plan") for t in waiting[:4]] == ["baseline", "basic", "full", "advanced"]
    assert [t.user_attrs["from"]["trial"] for t in waiting[4 : 4 + TOP]] == [one.origin.trial for one in taken]
    assert all("from" not in t.user_attrs and "plan" not in t.user_attrs for t in waiting[4 + TOP :])

    said = []
    worker.work(second, device="cpu", say=said.append)
    done = opening.trials(second.optuna)
    assert [t.params for t in done[4 : 4 + TOP]] == [one.params for one in taken]
    assert f"(from first #{taken[0].origin.trial})" in said[4]
    run = second.tracker().client.get_run(done[4].user_attrs["run_id"])
    assert run.data.tags["plan"] == f"from first #{taken[0].origin.trial}"
    assert run.info.run_name.endswith(f"(from first #{taken[0].origin.trial})")
    _warm_start(second, Console(width=200))
    assert f"the best of first: #{taken[0].origin.trial} (" in capsys.readouterr().out

    again = make_or_resume(place, StartOptions(study=str(tiny), name="second", trials=14, warm_start="first"))
    assert len(opening.trials(again.optuna)) == 14
    assert sum("from" in t.user_attrs for t in opening.trials(again.optuna)) == TOP


def test_what_did_not_fit_comes_with_more_trials(first, tiny):
    make_or_resume(first.place, StartOptions(study=str(tiny), name="second", trials=5, warm_start="first"))
    more = make_or_resume(first.place, StartOptions(name="second", trials=20))
    assert sum("from" in t.user_attrs for t in opening.trials(more.optuna)) == TOP


def test_a_warm_start_is_not_protected_from_pruning(first, scripted):
    place, spec = first.place, first.spec
    # Elsewhere the order is the other way round: what was best is now worst.
    scripted(lambda config, epoch: abs(config.encoder_loss_weight - 0.02))
    spec = with_overrides(spec, trials=12)
    spec = spec.model_copy(update={"search": spec.search.model_copy(update={"pruner": "rungs", "reduction": 4.0})})
    second = create_study(place, "second", spec, from_study(place, "first", spec))
    worker.work(second, device="cpu", say=lambda text: None)
    states = {t.state for t in opening.trials(second.optuna) if "from" in t.user_attrs}
    assert TrialState.PRUNED in states
    assert all(t.state == TrialState.COMPLETE for t in opening.trials(second.optuna) if "plan" in t.user_attrs)


def test_only_what_the_new_ranges_hold(first):
    best = ranked(first)[0].params["encoder_loss_weight"]
    raw = json.loads(first.spec.model_dump_json())
    raw["knobs"]["encoder_loss_weight"] = {"low": 0.9 * min(best, 0.03), "high": 0.051, "log": True}
    raw["fixed"] = {"weighting": "fixed"}
    raw["plans"] = {}
    from tuner.spec.file import parse

    spec = parse(raw)
    found = from_study(first.place, "first", spec)
    assert 0 < len(found) < 8
    assert all(spec.knobs["encoder_loss_weight"].contains(one.params["encoder_loss_weight"]) for one in found)
    raw["knobs"]["encoder_loss_weight"] = {"low": 0.0499999, "high": 0.0500001}
    with pytest.raises(InputError, match="none of its 12 completed trials lies within the ranges"):
        from_study(first.place, "first", parse(raw))
    raw["knobs"] = {"encoder_loss_weight": raw["knobs"]["encoder_loss_weight"] | {"low": 0.001, "high": 1.0}}
    raw["fixed"] = {"reconstruction_loss": "mse", "gate_reg_weight": 0.037}
    with pytest.raises(InputError, match="none of its 12"):  # they set knobs that are fixed otherwise here
        from_study(first.place, "first", parse(raw))


def test_configs_that_are_alike_count_once(make_study, scripted, make_place):
    scripted(by_weight)
    study = make_study("first", search={"trials": 4, "pruner": "none"})
    like = {"encoder_loss_weight": 0.02, "reconstruction_loss": "mse", "gate_reg_weight": 0.02}
    for change in ({}, {"encoder_loss_weight": 0.0201}, {"gate_reg_weight": 0.0209}, {"encoder_loss_weight": 0.025}):
        study.optuna.enqueue_trial(
            {**like, **change, "classification_loss": "cross_entropy"}, user_attrs={"overrides": {}}
        )
    study.optuna.set_user_attr("n_trials", 8)
    worker.work(study, device="cpu", say=lambda text: None)
    assert [one.origin.trial for one in from_study(study.place, "first", study.spec)] == [4, 7]


def test_the_least_is_best_where_the_objective_falls(make_study, scripted):
    scripted(by_weight)
    study = make_study(
        "first", objective="val/cross_entropy", search={"trials": 10, "sampler": "random", "pruner": "none"}
    )
    worker.work(study, device="cpu", say=lambda text: None)
    values = [one.origin.value for one in from_study(study.place, "first", study.spec)]
    free = sorted(t.value for t in opening.trials(study.optuna) if "plan" not in t.user_attrs)
    assert values == free[:TOP]


def test_what_cannot_be_started_from(first, tiny, make_study):
    place = first.place
    with pytest.raises(InputError, match=r"unknown study 'frist'.*did you mean|unknown study 'frist'"):
        make_or_resume(place, StartOptions(study=str(tiny), name="second", warm_start="frist"))
    with pytest.raises(InputError, match="exists and was made without --from other"):
        make_or_resume(place, StartOptions(name="first", warm_start="other"))
    make_or_resume(place, StartOptions(study=str(tiny), name="empty", trials=5))
    with pytest.raises(InputError, match="no trial of that study has completed"):
        make_or_resume(place, StartOptions(study=str(tiny), name="second", warm_start="empty"))
    from tuner.study import study

    assert not study.exists(place, "second")
    assert open_study(place, "first").n_trials == 12

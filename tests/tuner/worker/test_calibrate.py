"""How many trials are trained at once: asked, or measured once and kept."""

import json

import pytest

from trainer.calibrate import Choice
from trainer.tensors import to_tensors
from tuner.errors import InputError
from tuner.study import population
from tuner.worker import calibrate
from tuner.worker.calibrate import FILE, choice, describe, groups

FOUND = Choice(4, True, 2.5)


@pytest.fixture
def choose(make_study, monkeypatch):
    """Makes a choice for a study; returns it, the number of measurements so far, and what was said."""
    measured = []

    def measure(data, model, training, *, most):
        measured.append(most)
        return FOUND

    monkeypatch.setattr(calibrate, "calibrate", measure)
    tensors = None

    def make(study, **kwargs):
        nonlocal tensors
        tensors = tensors or to_tensors(study.data(), study.spec.model)
        said = []
        kwargs = {"most": 8, "data": tensors} | kwargs
        data = kwargs.pop("data")
        found = choice(study.optuna, study.place.state, study.spec, data, "cpu", said.append, **kwargs)
        return found, measured, said

    return make


def test_measured_once_said_and_kept_with_the_study(make_study, choose, monkeypatch):
    study = make_study()
    found, measured, said = choose(study)
    assert found == FOUND and measured == [8]
    assert said == ["4 at a time, as one model (measured: 2.50 times as fast as one by one)"]
    (study.place.state / FILE).unlink()
    again, measured, said = choose(study)
    assert again == FOUND and measured == [8] and said == []


def test_a_study_like_it_in_the_same_state_folder_goes_by_the_same_measurement(make_study, choose):
    one = make_study("one")
    choose(one)
    other, measured, said = choose(make_study("other", place=one.place))
    assert other == FOUND and measured == [8] and said
    _, measured, _ = choose(make_study("wider", place=one.place, model={"hidden": 16, "view_width": 4}))
    assert measured == [8, 8]


def test_a_damaged_file_is_measured_again(make_study, choose):
    study = make_study()
    (study.place.state / FILE).write_text("{")
    found, measured, _ = choose(study)
    assert found == FOUND and measured == [8]
    assert len(json.loads((study.place.state / FILE).read_text())) == 1


def test_what_is_asked_for_is_not_measured(make_study, choose):
    study = make_study()
    population.ask(study.optuna, "3", 8)
    assert choose(study)[:2] == (Choice(3, True), [])
    assert choose(study, given=1)[:2] == (Choice(1, False), [])
    population.ask(study.optuna, None, 8)
    assert choose(study)[0].size == 3
    population.ask(study.optuna, "auto", 99)
    assert choose(study)[:2] == (FOUND, [8])


def test_a_script_goes_one_by_one(make_study, choose):
    assert choose(make_study(), data=None)[:2] == (Choice(), [])
    assert choose(make_study("two", "two"), data=None, given=2)[0] == Choice(2, False)


def test_a_measurement_that_another_worker_never_ended_is_made_again(make_study, choose, monkeypatch):
    from tuner.storage import lease, opening

    study = make_study()
    monkeypatch.setattr(calibrate, "WAIT", 0.0)
    with lease.locked(study.optuna._storage, f"{opening.LOCK}tiny:calibration") as mine:
        assert mine
        assert choose(study)[0] == FOUND


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5", ""])
def test_population_is_auto_or_a_number(given):
    with pytest.raises(InputError, match="--population must be auto or a number of trials, at least 1"):
        population.parse(given)
    assert population.parse("auto") is None and population.parse("12") == 12


@pytest.mark.parametrize(
    ("count", "size", "lengths"), [(18, 16, [18]), (18, 8, [9, 9]), (5, 4, [5]), (7, 4, [4, 3]), (1, 8, [1])]
)
def test_arms_in_groups_of_about_the_size(count, size, lengths):
    parts = groups(count, Choice(size, True))
    assert sorted(len(range(count)[part]) for part in parts) == sorted(lengths)
    assert [i for part in parts for i in range(count)[part]] == list(range(count))
    assert groups(count, Choice(1, False)) == [slice(0, count)]


def test_described_for_people():
    assert describe(Choice()) == "1 at a time"
    assert describe(Choice(8, True)) == "8 at a time, as one model"
    assert describe(Choice(1, False, 0.9)) == "1 at a time (measured: 0.90 times as fast as one by one)"

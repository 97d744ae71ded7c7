"""A script's metrics by epoch: what counts where it repeats itself, starts over, or counts otherwise."""

import math

import pytest

from trainer.objective import Objective
from tuner.worker.script.epochs import Epochs
from tuner.worker.script.metrics import Event


def told(*events, final=True, direction="maximize"):
    epochs = Epochs(Objective("f1", direction))
    for event in events:
        epochs.add(event if isinstance(event, Event) else Event(*event))
    return epochs, list(epochs.due(final))


def test_lines_without_an_epoch_belong_to_the_last_one_said():
    _, due = told(
        (1, {"loss": 2.0}), (None, {"f1": 0.5}), (None, {"test": 0.4}), (2, {"loss": 1.0}), (None, {"f1": 0.6})
    )
    assert due == [(1, {"loss": 2.0, "f1": 0.5, "test": 0.4}), (2, {"loss": 1.0, "f1": 0.6})]


def test_counting_from_zero_is_shifted():
    _, due = told((0, {"f1": 0.5}), (1, {"f1": 0.6}))
    assert due == [(1, {"f1": 0.5}), (2, {"f1": 0.6})]


def test_a_script_that_never_says_the_epoch():
    _, due = told((None, {"loss": 2}), (None, {"f1": 0.5}), (None, {"loss": 1}), (None, {"f1": 0.6}))
    assert due == [(1, {"loss": 2, "f1": 0.5}), (2, {"loss": 1, "f1": 0.6})]


def test_a_script_that_says_the_epoch_at_its_end():
    _, due = told((None, {"f1": 0.5}), (1, {}), (None, {"f1": 0.6}), (2, {}))
    assert due == [(1, {"f1": 0.5}), (2, {"f1": 0.6})]


def test_an_epoch_is_due_with_the_objective_and_again_with_what_comes_later():
    epochs, due = told((1, {"loss": 2.0}), final=False)
    assert due == []
    epochs.add(Event(None, {"f1": 0.5}))
    assert list(epochs.due()) == [(1, {"loss": 2.0, "f1": 0.5})]
    epochs.add(Event(None, {"test": 0.4}))
    assert list(epochs.due()) == [(1, {"test": 0.4})] and list(epochs.due()) == []


def test_an_epoch_without_the_objective_is_due_when_it_is_over():
    epochs, due = told((1, {"loss": 2.0}), (2, {"loss": 1.0}), final=False)
    assert due == [(1, {"loss": 2.0})]
    assert list(epochs.due(final=True)) == [(2, {"loss": 1.0})]
    assert epochs.curves() == {"loss": [2.0, 1.0]}


def test_curves_have_gaps_where_nothing_was_said():
    epochs, _ = told((1, {"loss": 2.0}), (3, {"f1": 0.5}))
    curves = epochs.curves()
    assert curves["loss"][0] == 2.0 and math.isnan(curves["loss"][2]) and len(curves["f1"]) == 3


@pytest.mark.parametrize(("direction", "best"), [("maximize", (2, 0.9)), ("minimize", (1, 0.5))])
def test_the_best_evaluation_of_an_epoch_counts_with_what_was_said_beside_it(direction, best):
    epochs, _ = told(
        (1, {"f1": 0.6, "test": 1}),
        (1, {"f1": 0.5, "test": 2}),
        (2, {"f1": 0.9, "test": 3}),
        (2, {"f1": 0.7, "test": 4}),
        direction=direction,
    )
    assert epochs.best() == best
    assert epochs.test() == {"test": 3 if direction == "maximize" else 2}
    assert epochs.notes() == ["an epoch was evaluated several times; its best evaluation counts"]


def test_half_epochs_belong_to_the_epoch_in_which_they_end():
    halves = [(0.5, {"f1": 0.5}), (1.0, {"f1": 0.6}), (1.5, {"f1": 0.8}), (2.0, {"f1": 0.7}), (2.5, {"f1": 0.9})]
    epochs, due = told(*halves)
    assert [(epoch, m["f1"]) for epoch, m in due] == [(1, 0.6), (2, 0.8), (3, 0.9)] and epochs.best() == (3, 0.9)
    assert told(halves[0], final=False)[1] == [], "half an epoch is not judged as a whole one"


def test_a_final_evaluation_after_the_last_epoch_is_left_aside():
    named = [(e, {"loss": 1.0}) for e in (1, 2, 3)]
    lines = [x for e, v in zip(named, (0.5, 0.7, 0.6), strict=True) for x in (e, (None, {"f1": v}))]
    epochs, _ = told(*lines, (None, {"f1": 0.7}), (None, {"test": 0.65}))
    assert epochs.curves()["f1"] == [0.5, 0.7, 0.6] and epochs.best() == (2, 0.7)
    assert epochs.test() == {"test": 0.65} and "left aside" in epochs.notes()[0]


def test_a_rhythm_that_does_not_fit_into_epochs_is_no_final_evaluation():
    epochs, _ = told((0.6, {"f1": 0.1}), (1.2, {"f1": 0.2}), (1.8, {"f1": 0.3}), (2.4, {"f1": 0.4}), (3.0, {"f1": 0.5}))
    assert epochs.best() == (3, 0.5) and epochs.curves()["f1"] == [0.1, 0.3, 0.5]


def test_a_script_that_counts_anew_is_counted_on():
    epochs, due = told(*[(e, {"f1": e / 10 + s}) for s in (0.0, 0.5) for e in (1, 2)])
    assert [epoch for epoch, _ in due] == [1, 2, 3, 4] and epochs.best() == (4, 0.7)
    assert "anew" in epochs.notes()[0]


def test_what_comes_late_for_an_earlier_epoch_is_no_new_beginning():
    epochs, _ = told((1, {"f1": 0.1}), (2, {"f1": 0.2}), (1, {"test": 0.3}))
    assert epochs.curves()["test"][0] == 0.3 and epochs.notes() == []


def test_two_sources_may_say_the_same():
    epochs = Epochs(Objective("f1", "maximize"))
    for source in ("log", "file"):
        for e in (1, 2, 3):
            epochs.add(Event(e, {"f1": e / 10}), source)
    assert epochs.curves() == {"f1": [0.1, 0.2, 0.3]} and epochs.notes() == []


def test_steps_count_where_no_epoch_is_said():
    epochs, due = told(*[Event(None, {"f1": s / 1000}, None, s) for s in (0, 200, 400)])
    assert [epoch for epoch, _ in due] == [1, 201, 401] and epochs.last() == 401
    epochs, due = told((1, {"loss": 1}), Event(None, {"f1": 0.5}, None, 5000))
    assert [epoch for epoch, _ in due] == [1], "a script that names epochs counts them"


def test_curves_of_many_steps_hold_the_reported_ones():
    epochs, _ = told(*[Event(None, {"f1": s / 1e6}, None, s) for s in (100, 500_000, 1_000_000)])
    assert epochs.curves() == {"f1": [0.0001, 0.5, 1.0]} and epochs.last() == 1_000_000 and epochs.best()[1] == 1.0


def test_folds_have_a_mean_and_each_its_own():
    epochs = Epochs(Objective("f1", "maximize"))
    for fold, top in (("1", 0.6), ("2", 0.8)):
        for e in (1, 2):
            epochs.add(Event(e, {"f1": top - (e - 1) / 10, "test/f1": top / 2}, fold))
    due = list(epochs.due(final=True))
    assert epochs.best() == (1, pytest.approx(0.7))
    assert epochs.test() == {"test/f1": pytest.approx(0.35), "test/f1/fold-1": 0.3, "test/f1/fold-2": 0.4}
    assert epochs.curves()["f1"] == pytest.approx([0.7, 0.6]) and epochs.curves()["f1/fold-2"] == [
        0.8,
        pytest.approx(0.7),
    ]
    assert due[0] == (1, {"f1": 0.6, "test/f1": 0.3, "f1/fold-1": 0.6, "test/f1/fold-1": 0.3})
    assert "f1" not in due[2][1] and due[2][1]["f1/fold-2"] == 0.8, "only the first fold is judged under way"


def test_what_is_not_finite_is_never_outshone():
    epochs, due = told((1, {"f1": 0.5}), (1, {"f1": math.nan}), (1, {"f1": 0.6}))
    assert math.isnan(due[0][1]["f1"]) and epochs.best()[0] == 0

import pytest

from trainer.errors import InputError
from trainer.objective import DIRECTIONS, Objective


@pytest.mark.parametrize("name", ["weighted/total", "loss/reconstruction", "total_loss", "val/loss", "loss"])
def test_a_weighted_loss_is_refused_with_the_reason(name):
    with pytest.raises(InputError) as error:
        Objective(name)
    message = str(error.value)
    assert repr(name) in message and "reward small weights" in message
    assert all(choice in message for choice in DIRECTIONS)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(InputError) as error:
        Objective("val/weigthed_f1")
    message = str(error.value)
    assert "Did you mean val/weighted_f1?" in message and all(choice in message for choice in DIRECTIONS)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_short_names_and_directions(name):
    objective = Objective(name.removeprefix("val/"))
    assert objective == Objective(name) and objective.metric == name
    falls = name in ("val/cross_entropy", "val/mse", "val/mae")
    assert objective.direction == ("minimize" if falls else "maximize")
    assert objective.better(0.1, 0.2) is falls and objective.better(0.2, 0.1) is not falls
    assert not objective.better(0.1, 0.1)


def test_the_default_is_weighted_f1():
    assert Objective().metric == "val/weighted_f1"

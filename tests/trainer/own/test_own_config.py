"""The knobs of the user's own model."""

import pytest

from trainer.errors import InputError
from trainer.knobs import Knob
from trainer.own_config import SHARED, OwnModel, vocabulary

WORDS = vocabulary(["agree_weight", "spread_weight", "weighting", "agree_weight"])


def test_every_name_with_the_ending_weighs_a_term():
    assert list(WORDS.knobs) == ["agree_weight", "spread_weight", *SHARED]
    assert WORDS.knobs["agree_weight"] == Knob(kind="float", low=0.0)
    assert list(vocabulary(["_weight"]).knobs) == list(SHARED)


def test_a_weight_is_one_where_nobody_names_it():
    config = WORDS.config({"agree_weight": 0.3})
    assert dict(config.weights) == {"agree": 0.3, "spread": 1.0}
    assert WORDS.defaults["spread_weight"] == 1.0
    assert config.value("agree_weight") == 0.3 and config.value("warmup_epochs") == 5


def test_knobs_are_those_that_apply_and_make_the_same_config_again():
    config = WORDS.config({"agree_weight": 2, "focal_gamma": 1.5, "weighting": "warmup", "warmup_epochs": 3})
    assert config.shared.classification_loss == "focal"
    assert config.knobs() == {
        "agree_weight": 2.0,
        "spread_weight": 1.0,
        "classification_loss": "focal",
        "focal_gamma": 1.5,
        "class_weights": "none",
        "weighting": "warmup",
        "warmup_epochs": 3,
    }
    assert WORDS.config(config.knobs()) == config


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"agree_weight": -1}, "agree_weight must be at least 0"),
        ({"reconstruction_loss": "mse"}, "unknown knob 'reconstruction_loss'"),
        ({"agre_weight": 1}, "Did you mean agree_weight"),
        ({"weighting": "dwa", "warmup_epochs": 3}, "warmup_epochs applies only where weighting is warmup"),
    ],
)
def test_wrong_knobs(knobs, said):
    with pytest.raises(InputError, match=said):
        WORDS.config(knobs)


def test_an_unknown_knob_is_told_what_could_be():
    assert WORDS.unknown("gate_reg_weigth").endswith("also <term>_weight for each term that the model returns")


@pytest.mark.parametrize("file", ["my_model.py", "my_model:MyModel", "my_model.py:", "my_model.py:My-Model", ""])
def test_a_model_is_a_file_and_a_class(file):
    with pytest.raises(InputError, match="expected a file and a class, like my_model.py:MyModel"):
        OwnModel(file=file)


def test_a_path_may_hold_colons():
    model = OwnModel(file="/a:b/c.py:D")
    assert (model.path, model.name) == ("/a:b/c.py", "D")

import shlex

import pytest

from tuner.report.export.hydra import as_hydra


@pytest.mark.parametrize(
    ("value", "override"),
    [
        (0.03, "w=0.03"),
        (1e-05, "w=1e-05"),
        (-2, "w=-2"),
        (True, "w=true"),
        (None, "w=null"),
        ("smooth_l1", "w=smooth_l1"),
        ("true", "w='true'"),
        ("1", "w='1'"),
        ("a b, c", "w='a b, c'"),
        ("it's", "w='it\\'s'"),
    ],
)
def test_values_by_the_grammar_of_overrides(value, override):
    assert shlex.split(as_hydra({"w": value})) == [override]


def test_an_override_a_knob():
    assert as_hydra({"loss.w": 0.5, "kind": "mse"}) == "loss.w=0.5 kind=mse"

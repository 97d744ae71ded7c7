"""The docstring of each loss and strategy starts with its formula, and its lines of code run as shown."""

import doctest
import importlib

import pytest

from trainer.registry import names

LOSSES, STRATEGIES = "trainer.losses.reconstruction", "trainer.weighting"
PLACES = [
    ("trainer.losses", "gate", "gate_regularisation"),
    ("trainer.losses", "focal", "focal"),
    *((LOSSES, name, "loss") for name in names(LOSSES)),
    *((STRATEGIES, name, "Strategy") for name in names(STRATEGIES)),
]


@pytest.mark.parametrize(("package", "name", "public"), PLACES)
def test_formula_first_and_a_line_that_runs(package, name, public):
    module = importlib.import_module(f"{package}.{name}")
    documented = getattr(module, public)
    assert documented.__doc__.startswith("`"), f"{package}.{name}.{public}: the formula comes first"
    lines = doctest.DocTestFinder(recurse=False).find(documented, public, module, vars(module))
    result = [doctest.DocTestRunner().run(one) for one in lines]
    assert sum(one.attempted for one in result) > 0, f"{package}.{name}.{public} shows no line that runs"
    assert sum(one.failed for one in result) == 0

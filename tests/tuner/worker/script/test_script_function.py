"""A training function of the user's own as a trial."""

import pytest

from tuner.errors import InputError, UserCodeError
from tuner.launch import _tryout as tryout
from tuner.spec import file as study_file
from tuner.study import own_code
from tuner.worker.script.function import arguments
from tuner.worker.script.train import train

CODE = """
import helper

def fit(w, seed, device, report):
    for epoch in range(1, 5):
        if report(epoch=epoch, val=helper.double(w) - epoch, seed=seed):
            print("told to stop after", epoch)
            return

def whole(knobs):
    return knobs["w"] ** 2

def fails(w):
    raise ValueError("no such thing")
"""


@pytest.fixture
def spec_of(tmp_path):
    (tmp_path / "my_train.py").write_text(CODE)
    (tmp_path / "helper.py").write_text("def double(x): return 2 * x")

    def make(name, **changes):
        raw = {"knobs": {"w": {"low": 0.0, "high": 1.0}}, "baseline": {"w": 0.5}, "plans": {}, "objective": "val"}
        raw |= {"direction": "minimize", "training": {"epochs": 4}, "script": {"directory": str(tmp_path)}}
        return study_file.parse(raw | {"function": f"{tmp_path}/my_train.py:{name}"} | changes)

    return make


def run(spec, tmp_path, report=lambda reports: ()):
    config = spec.named()["baseline"]
    (result,) = train([config], spec, folders=[tmp_path / "run"], device="cpu", seed=7, report=report)
    return result


def test_it_is_called_with_knobs_and_hears_when_to_stop(spec_of, tmp_path):
    result = run(spec_of("fit"), tmp_path)
    assert result.curves == {"val": [0.0, -1.0, -2.0, -3.0], "seed": [7.0] * 4} and result.best_epoch == 4
    result = run(spec_of("fit"), tmp_path, report=lambda reports: [0] if reports[0].epoch == 2 else [])
    assert result.state == "stopped" and result.log.read_text() == "told to stop after 2\n"


def test_what_it_returns_counts_where_it_reports_nothing(spec_of, tmp_path):
    assert run(spec_of("whole"), tmp_path).best_value == 0.25
    with pytest.raises(UserCodeError, match=r"\(ValueError: no such thing\)"):
        run(spec_of("fails"), tmp_path)


def test_what_it_is_called_with():
    given = {"seed": 1, "device": "cpu", "report": print}
    assert arguments(lambda knobs, seed: 0, {"w": 1}, given) == {"knobs": {"w": 1}, "seed": 1}
    assert arguments(lambda w, **more: 0, {"w": 1, "v": 2}, given) == {"w": 1, "v": 2}
    with pytest.raises(TypeError, match="no parameter for v: expected one for each knob"):
        arguments(lambda w: 0, {"w": 1, "v": 2}, given)


def test_a_study_file_with_a_function(spec_of):
    spec = spec_of("fit")
    assert study_file.parse(spec.model_dump(mode="json")) == spec
    assert set(own_code.fingerprints(spec)) == {"my_train.py", "helper.py"}
    tryout.check(spec)
    with pytest.raises(InputError, match="unknown function in .*'fitt'. Did you mean fit"):
        tryout.check(spec_of("fitt"))
    with pytest.raises(InputError, match="calls a function or runs a command; found both"):
        spec_of("fit", command="python s.py {w}")
    with pytest.raises(InputError, match="expected a file and a function in it"):
        spec_of("fit", function="my_train:fit")

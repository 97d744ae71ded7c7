"""A command and the knobs of its study file fit, or the file is refused with what does not."""

import pytest

from tuner.errors import InputError
from tuner.spec import file as study_file
from tuner.spec.rules import takes_a_seed

W = {"w": {"low": 0.0, "high": 1.0}}
LOSS = {"loss": {"choices": ["ce", "focal"]}}
GAMMA = {"gamma": {"low": 0.5, "high": 4.0, "when": {"loss": "focal"}}}
RAW = {"command": "train {w}", "objective": "f1", "direction": "maximize", "plans": {}}


def parse(command="train {w}", knobs=W, baseline=None, **changes):
    return study_file.parse(
        RAW | {"command": command, "knobs": knobs, "baseline": {"w": 0.5} if baseline is None else baseline} | changes
    )


def test_a_knob_beside_a_choice():
    command = "train {w} {loss:--gamma {gamma} if focal}"
    spec = parse(
        command, W | LOSS | GAMMA, {"w": 0.5, "loss": "ce"}, plans={"f": {"w": 1.0, "loss": "focal", "gamma": 2}}
    )
    assert spec.named()["baseline"].knobs() == {"loss": "ce", "w": 0.5}
    assert spec.named()["f"].knobs() == {"loss": "focal", "w": 1.0, "gamma": 2.0}


def test_runs_differ_by_their_seed_only_where_the_command_takes_one():
    assert not takes_a_seed(parse()) and takes_a_seed(parse("train {w} --seed {seed}"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"command": "train {w} {lr}"},
            "nothing fills {lr}: unknown knob 'lr'. There are: config, epochs, knobs, output, python, seed, w",
        ),
        ({"command": "train"}, "knobs.w: no placeholder in the command uses it, so that it changes nothing"),
        ({"fixed": {"v": 1}}, "fixed.v: no placeholder in the command uses it"),
        ({"baseline": {}}, "expected a value for each knob: what the script is run with today; missing: w"),
        ({"knobs": {"seed": W["w"]}, "command": "train {seed}"}, "this name is taken: {seed} is the seed of the run"),
        ({"command": "train {w} {seed:--x if 1}"}, "{seed} is no knob, so that it takes no condition"),
        (
            {"command": "train {w} {loss:--focal if fokal}", "knobs": W | LOSS, "baseline": {"w": 0.5, "loss": "ce"}},
            "unknown loss 'fokal'. Did you mean focal?",
        ),
        (
            {"command": "train {w} {loss} {gamma}", "knobs": W | LOSS | GAMMA, "baseline": {"w": 0.5, "loss": "ce"}},
            "gamma exists only where loss is focal; write {loss:--flag {gamma} if focal}",
        ),
        ({"knobs": W | GAMMA, "command": "train {w} {gamma}"}, "expected a searched knob with choices that is always"),
        ({"direction": None}, "direction: expected maximize or minimize"),
        ({"data": {"source": "htad", "labels": 0.5}}, "data: a script reads its own data; leave the field out"),
        ({"model": {"file": "m.py:M"}}, "a study trains a model or runs a command; found both"),
        ({"training": {"epochs": 3, "batch_size": 8}}, "only epochs reaches a script"),
        ({"script": {"metrics": {"f1": "f1 .*"}}}, "metrics.f1: expected one group in 'f1 .*', the number; found 0"),
        ({"script": {"metrics": {"f1": "f1 ("}}}, "metrics.f1: not a regular expression"),
        ({"script": {"metrics_file": "log.csv"}}, "expected {output}/..., in the trial's own folder"),
        ({"script": {"time_limit": 0}}, "script.time_limit: input should be greater than 0"),
    ],
)
def test_what_does_not_fit(changes, said):
    with pytest.raises(InputError) as error:
        parse(**changes)
    assert said in str(error.value)

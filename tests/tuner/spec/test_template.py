"""A script's config file is made from a template with the knobs in it, and reads back as what they are."""

import json
import tomllib

import pytest
import yaml as old_yaml

from tuner.errors import InputError
from tuner.spec import template, yaml

YAML = """\
# what the script takes today
loss: {beta: 1.0, kind: mse, clip: null}
use_gate: false
seed: "{seed}"
out: "{output}/checkpoints"
name: run
rate: "{rate}"
"""
KNOBS = {"loss.beta": 1e-05, "loss.clip": "0.5", "use_gate": "true", "loss.kind": "1", "rate": -2e-07}


def make(tmp_path, name, text, knobs=KNOBS, given=None):
    file = tmp_path / name
    file.write_text(text)
    return template.render(file, knobs, given if given is not None else {"seed": 7, "output": "/x"})


def test_yaml_reads_the_same_by_either_version(tmp_path):
    text = make(tmp_path, "c.yaml", YAML)
    (tmp_path / "made.yaml").write_text(text)
    expected = {
        "loss": {"beta": 1e-05, "kind": "1", "clip": 0.5},
        "use_gate": True,
        "seed": 7,
        "out": "/x/checkpoints",
        "name": "run",
        "rate": -2e-07,
    }
    assert old_yaml.safe_load(text) == expected == yaml.read(tmp_path / "made.yaml", "file").data


def test_json_and_toml(tmp_path):
    data = {"loss": {"beta": 1.0, "names": ["a", "b"]}, "use gate": False, "out": "{output}"}
    knobs = {"loss.beta": 1e-05, "use gate": "true"}
    expected = {"loss": {"beta": 1e-05, "names": ["a", "b"]}, "use gate": True, "out": "/x"}
    assert json.loads(make(tmp_path, "c.json", json.dumps(data), knobs)) == expected
    toml = '"use gate" = false\nout = "{output}"\n[loss]\nbeta = 1.0\nnames = ["a", "b"]\n'
    assert tomllib.loads(make(tmp_path, "c.toml", toml, knobs)) == expected


def test_what_is_exported_keeps_the_placeholders_of_a_run(tmp_path):
    assert "seed" in (text := make(tmp_path, "c.yaml", YAML, given={})) and "{output}/checkpoints" in text


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.yaml", "loss: {betta: 1}", "unknown field 'loss.beta'. Did you mean loss.betta"),
        ("c.ini", "", "expected a file ending in .yaml, .yml, .json, .toml"),
        ("c.json", "[1]", "expected a mapping; found list"),
        ("c.json", "{", "cannot be read"),
    ],
)
def test_what_does_not_fit(tmp_path, name, text, said):
    with pytest.raises(InputError) as error:
        make(tmp_path, name, text, {"loss.beta": 1.0})
    assert said in str(error.value)


@pytest.mark.parametrize(
    "value", [1e-05, -2e-05, 1e20, 0.1, float("inf"), "no", "1e-3", "on", "12:30:45", "1_000", "~", "a"]
)
def test_what_is_written_reads_the_same_by_yaml_1_1(value):
    assert old_yaml.safe_load(yaml.dump({"w": value})) == {"w": value}

"""What of the user's own is run: said, fingerprinted, and tried out before a study is made of it."""

import pytest

from tuner.errors import InputError
from tuner.launch import _tryout as tryout
from tuner.spec import file as study_file
from tuner.study import own_code

MODEL = """\
import torch
from torch import nn


class Mine(nn.Module):
    def __init__(self, views, n_classes, extra=0):
        super().__init__()
        self.classify = nn.Linear(sum(views.values()), n_classes + extra)

    def forward(self, batch):
        logits = self.classify(batch.x)
        return logits, {"small": logits.square().mean()}
"""


@pytest.fixture
def model_spec(tiny, tmp_path):
    """A study of a model file of this text, on the tiny data."""

    def make(text, arguments=None, **changes):
        file = tmp_path / "mine.py"
        if text is not None:
            file.write_text(text)
        raw = {
            "data": {"source": "npz", "path": str(tiny.parent / "tiny.npz")},
            "model": {"file": f"{file}:Mine", "arguments": arguments or {}},
            "knobs": {"small_weight": {"low": 0.1, "high": 1.0}},
            "baseline": {"small_weight": 0.5},
            "plans": {},
        }
        return study_file.parse(raw | changes)

    return make


def script_spec(folder, command):
    section = {"directory": str(folder)}
    raw = {"command": command, "script": section, "objective": "f1", "direction": "maximize", "plans": {}}
    return study_file.parse(raw | {"knobs": {"w": {"low": 0.0, "high": 1.0}}, "baseline": {"w": 0.5}})


def wrong(spec):
    with pytest.raises(InputError) as error:
        tryout.check(spec)
    return str(error.value)


def test_a_model_that_is_fine_and_a_study_of_nothing_own(model_spec, tiny):
    tryout.check(model_spec(MODEL))
    assert own_code.notice(model_spec(None)).startswith("runs code of your own: ")
    spec = study_file.load(str(tiny))
    tryout.check(spec)
    assert own_code.notice(spec) is None and own_code.fingerprints(spec) == {}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (
            "import nosuchmodule\n",
            {},
            [
                "mine.py cannot be imported:\nTraceback (most recent call last):\n",
                "line 1, in <module>",
                "nosuchmodule'",
            ],
        ),
        (MODEL, {"arguments": {"extra": 1}}, ["Mine.forward: logits: expected a float tensor of shape (", ", 4)"]),
        (
            MODEL.replace("mean()", "mean().log() * 0 - torch.inf"),
            {},
            ["term 'small' is not finite on the first batch"],
        ),
        (MODEL.replace("batch.x", "batch.y"), {}, ["Mine failed:\nTraceback", "in forward", "has no attribute 'y'"]),
        (MODEL, {"arguments": {"wide": 1}}, ["Mine failed:", "unexpected keyword argument 'wide'"]),
        (
            MODEL.replace("small", "other"),
            {},
            ["knob small_weight: Mine returned no term 'small'", "it returned: other"],
        ),
        (MODEL.replace("Mine", "Other"), {}, ["unknown class in", "'Mine'", "Other"]),
        (MODEL, {"objective": "val/mse"}, ["objective 'val/mse' is not measured on this model"]),
    ],
)
def test_what_is_wrong_with_a_model_is_said_in_its_own_lines(model_spec, text, options, said):
    found = wrong(model_spec(text, **options))
    assert all(words in found for words in said), found
    assert "/tuner/" not in found and "/trainer/" not in found and "site-packages" not in found


def test_a_model_file_that_is_missing(model_spec, tmp_path):
    assert wrong(model_spec(None)) == f"model: the file {tmp_path / 'mine.py'} does not exist"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("{python} nothere.py {w}", "command: {f}/nothere.py does not exist"),
        ("nosuchprogram {w}", "command: there is no program 'nosuchprogram' (looked in {f} and on the PATH)"),
        ("./train.sh {w}", "command: there is no program './train.sh'"),
    ],
)
def test_a_script_that_is_missing(tmp_path, command, said):
    assert said.replace("{f}", str(tmp_path)) in wrong(script_spec(tmp_path, command))
    assert wrong(script_spec(tmp_path / "no", command)) == f"script.directory: {tmp_path / 'no'} does not exist"


def test_a_file_that_changes_is_noticed(tmp_path):
    spec = script_spec(tmp_path, "{python} train.py --data features.npz {w}")
    (tmp_path / "train.py").write_text("1")
    before = own_code.fingerprints(spec)
    assert set(before) == {"train.py"} and own_code.changed(before, spec) == []
    (tmp_path / "train.py").write_text("2")
    assert own_code.changed(before, spec) == ["train.py"]

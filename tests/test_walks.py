"""The walks of CONTRIBUTING: each new file, written as shown into a copy of the packages, is found there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WALK = re.compile(r"^### [^\n]*: `([^`\n]+\.py)`\n(?:(?!^### ).)*?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WALKS = dict(WALK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))

CONFIG = """
from trainer.config import LossConfig
from tuner.report.export.python import as_python
config = LossConfig({knob}="{name}", encoder_loss_weight=0.5)
print(as_python(config, {{"study": "s", "trial": 1}}))
"""
DATA = """
from trainer.data import load
data = load("blobs")
print(data.name, sorted(data.views))
"""
LAUNCH = """
from tuner.launch import _base
_base.launch("shell", None, None, given=["help"], say=print)
"""
CHECKS = {
    "trainer/losses/reconstruction/charbonnier.py": (
        ["-c", CONFIG.format(knob="reconstruction_loss", name="charbonnier")],
        "((made - x).square() + 1).sqrt().mean() - 1",
    ),
    "trainer/weighting/fading.py": (
        ["-c", CONFIG.format(knob="weighting", name="fading")],
        "def forward(self, logits, labels, inputs, reconstructions, gates, progress):",
    ),
    "trainer/data/sources/blobs.py": (["-c", DATA], "blobs ['far', 'near']"),
    "tuner/launch/shell.py": (["-c", LAUNCH], "program=tuner  what runs there"),
    "tuner/cli/version.py": (["-m", "tuner", "--help"], "Print the version."),
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with a copy of the packages and what CONTRIBUTING adds to them."""
    folder = tmp_path_factory.mktemp("walks")
    for package in ("trainer", "tuner", "search_spaces"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, text in WALKS.items():
        assert not (folder / file).exists(), f"{file} exists: CONTRIBUTING needs another example"
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def run(arguments, folder):
    """What Python prints in `folder`, with the packages that lie there."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_contributing_walks_through_each():
    assert set(WALKS) == set(CHECKS)


def test_the_copy_is_what_runs(packages):
    assert (
        run(["-c", "import tuner, trainer; print(tuner.__file__, trainer.__file__)"], packages).count(str(packages))
        == 2
    )


@pytest.mark.parametrize("file", CHECKS)
def test_a_new_file_is_found(packages, file):
    arguments, expected = CHECKS[file]
    assert expected in run(arguments, packages)


def test_the_new_verb_runs(packages):
    from tuner._version import __version__

    assert run(["-m", "tuner", "version"], packages).strip() == __version__


@pytest.mark.parametrize("file", [file for file, text in WALKS.items() if ">>>" in text])
def test_its_lines_run(packages, file):
    run(["-m", "doctest", file], packages)

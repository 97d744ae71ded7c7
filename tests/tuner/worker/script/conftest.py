"""A study of a small script, and a way to run it without a queue."""

import sys
from pathlib import Path

import pytest

from tuner.spec import file as study_file
from tuner.worker.script.train import train

RAW = {
    "training": {"epochs": 4},
    "objective": "dev_f1",
    "direction": "maximize",
    "knobs": {"w": {"low": 0.0, "high": 1.0}},
    "baseline": {"w": 0.5},
    "plans": {},
}
HEAD = "import json, os, signal, subprocess, sys, time\nw = float(sys.argv[1])\n"


@pytest.fixture
def make_spec(tmp_path):
    """`make_spec(code)`: a study that runs this Python code; `sys.argv[1]` is the knob w."""

    def make(code, *, flags="-I -S", arguments="", script=None, **changes):
        (tmp_path / "script.py").write_text(HEAD + code)
        command = f"{{python}} {flags} script.py {{w}} {arguments}"
        section = {"directory": str(tmp_path), "grace": 0.3, **(script or {})}
        return study_file.parse(RAW | {"command": command, "script": section} | changes)

    return make


@pytest.fixture
def run(make_spec, tmp_path):
    """Runs the code once and returns its result; `heard` collects the reports."""

    def make(code, *, w=0.5, device="cpu", report=None, heard=None, seed=0, noise=0, between=lambda: None, **options):
        spec = make_spec(code, **options)

        def receive(reports):
            if heard is not None:
                heard.extend(reports)
            return report(reports) if report else ()

        folder = Path(tmp_path) / "run"
        config = spec.vocabulary.config({"w": w})
        (result,) = train(
            [config], spec, folders=[folder], device=device, seed=seed, noise=noise, report=receive, between=between
        )
        return result

    make.python = sys.executable
    return make

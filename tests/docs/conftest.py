"""A folder like a reader's: files under the names that the pages use, and a `tuner` with small settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from markdown import ROOT

SMALL = {
    '"start "*.yaml': "--detach",
    '"start "*': "--trials 5 --epochs 2 --workers 1",
    '"validate "*': "--seeds 6 --epochs 2 --workers 1",
}
"""What a page's command gets in addition, so that it takes seconds; one study is trained, others are only queued."""
WRONG = {
    "typo": "knobs:\n  encoder_los_weight: {low: 0.01, high: 0.1}\n",
    "narrow": "knobs:\n  reconstruction_loss: {choices: [mse]}\n",
    "weighted": "objective: val_loss\nknobs:\n  encoder_loss_weight: {low: 0.01, high: 0.1}\n",
}
"""Study files with the mistakes that docs/troubleshooting.md shows."""
ONE_BY_ONE = """
import contextlib, io, json, sys
from tuner.__main__ import main
found = []
for command in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            main(command)
            found.append((0, ""))
        except SystemExit as end:
            found.append((end.code, said.getvalue()))
print(json.dumps(found))
"""
COMMAND = """\
#!/bin/sh
case "$1 $2" in
{cases}esac
exec {python} -m tuner "$@"
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory, csvs, pickles) -> Path:
    """The folder, for all pages one after the other: a later page finds the studies of an earlier one."""
    import pickle

    made = tmp_path_factory.mktemp("reader")
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = 1.5 * rng.normal(size=(3, 8))[y] + rng.normal(size=(150, 8))
    np.savez(made / "my_features.npz", view_audio=x[:, :5], view_text=x[:, 5:], y=y)
    (made / "IEMOCAP_features.pkl").write_bytes(pickle.dumps(pickles.iemocap()))
    (made / "my_features.pkl").write_bytes(pickle.dumps(pickles.iemocap()))
    (made / "meld").mkdir()
    csvs.write(made / "meld", csvs.parts())
    for name in ("examples", "search_spaces"):
        (made / name).symlink_to(ROOT / name)
    (made / "foreign.pkl").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    for name, text in WRONG.items():
        (made / f"{name}.yaml").write_text(text)
    program = made / "bin" / "tuner"
    program.parent.mkdir()
    cases = "".join(f'{command}) set -- "$@" {options} ;;\n' for command, options in SMALL.items())
    program.write_text(COMMAND.format(cases=cases, python=sys.executable))
    program.chmod(0o755)
    return made


def environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TUNER_", "MLFLOW_"))}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


@pytest.fixture(scope="session")
def run(folder):
    """Runs a program in the folder, where `tuner start` has run, and returns what it printed."""

    def execute(*command: str) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    execute("tuner", "start", "--quiet")
    return execute


@pytest.fixture(scope="session")
def refused(folder, run):
    """Runs commands of the tuner that are refused, all in one process: for each one its exit code and what it said."""

    def execute(commands: list[list[str]]) -> list[tuple[int, str]]:
        done = subprocess.run(
            [sys.executable, "-c", ONE_BY_ONE, json.dumps(commands)],
            cwd=folder,
            env=environment(folder),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return [(code, said) for code, said in json.loads(done.stdout.splitlines()[-1])]

    return execute

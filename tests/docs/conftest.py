"""A folder like a reader's: files under the names that the pages use, and a `tuner` with small settings."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from markdown import ROOT

SMALL = {
    "start": "--trials 5 --epochs 2 --workers 1",
    "validate": "--seeds 6 --epochs 2 --workers 1",
}
"""What a page's command gets in addition, so that it takes seconds."""
COMMAND = """\
#!/bin/sh
case "$1" in
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
    program = made / "bin" / "tuner"
    program.parent.mkdir()
    cases = "".join(f'{verb}) set -- "$@" {options} ;;\n' for verb, options in SMALL.items())
    program.write_text(COMMAND.format(cases=cases, python=sys.executable))
    program.chmod(0o755)
    return made


@pytest.fixture(scope="session")
def run(folder):
    """Runs a program in the folder, and returns what it printed."""

    def execute(*command: str) -> str:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TUNER_", "MLFLOW_"))}
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = kept | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return execute

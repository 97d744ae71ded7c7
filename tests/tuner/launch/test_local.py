"""Processes of this machine, as a service would start them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tuner.errors import InputError
from tuner.launch import _base
from tuner.storage import opening
from tuner.study.study import open_study


def test_two_workers_end_a_queued_study(make_place, queued, cli):
    study = queued(make_place(), trials=4)
    done = cli("launch", "local", "tiny", "--workers", 2, "--device", "cpu", "--state", study.place.state)
    assert done.returncode == 0, done.stderr
    assert "2 workers; their logs" in done.stdout
    ended = open_study(study.place, "tiny")
    assert all(t.state.is_finished() for t in opening.trials(ended.optuna)) and "finished_at" in ended.optuna.user_attrs
    logs = sorted(path.name for path in (study.place.state / "logs").iterdir())
    assert logs == ["tiny-worker-0.log", "tiny-worker-1.log"]


def test_no_such_study(make_place):
    with pytest.raises(InputError, match="unknown study 'nope'"):
        _base.launch("local", make_place(), "nope", device="cpu", say=lambda text: None)


def test_sigterm_hands_the_trials_back(make_place, queued, cli_environment):
    """Without a name they wait for work for ever."""
    study = queued(make_place(), epochs=3000)
    command = ["launch", "local", "--workers", "1", "--device", "cpu", "--state", str(study.place.state)]
    process = subprocess.Popen([sys.executable, "-m", "tuner", *command], env=cli_environment())
    try:
        deadline = time.monotonic() + 90
        while not any(t.state.name == "RUNNING" and t.intermediate_values for t in opening.trials(study.optuna)):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
    assert {t.state.name for t in opening.trials(study.optuna)} == {"WAITING"}
    assert not any("crashes" in t.user_attrs for t in opening.trials(study.optuna)), "asked, not killed"


def test_the_fork_server_ignores_ctrl_c_from_its_first_moment(tmp_path):
    """While it loads libraries it would print a traceback; what it was started by still hears."""
    code = (
        "import os, signal\n"
        "from multiprocessing import forkserver\n"
        "from tuner.launch import local\n"
        "with local._deaf():\n"
        "    forkserver.ensure_running()\n"
        "os.kill(forkserver._forkserver._forkserver_pid, signal.SIGINT)\n"
        "local.call(os.getpid)\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")

"""Ctrl-C, kill -9, and workers that join: every trial ends once."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import optuna
import pytest
from rich.console import Console

from tuner.run import start
from tuner.storage import opening
from tuner.study.study import open_study
from tuner.study.summary import summarise

LONG = """\
data: {{source: npz, path: {data}}}
model: {{hidden: 8, view_width: 4}}
training: {{epochs: 60, batch_size: 16}}
search: {{trials: 4, pruner: none, replicates: 0}}
knobs:
  encoder_loss_weight: {{low: 0.01, high: 0.1, log: true}}
plans: {{}}
"""


@pytest.fixture
def long(tiny, tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text(LONG.format(data=tiny.parent / "tiny.npz"))
    return path


@pytest.fixture
def background(cli_environment):
    """Starts commands and ends whatever is left of them."""
    started = []
    # What a shell starts in the background ignores Ctrl-C, and so does all that it starts. A handler is not inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(*args):
        command = [sys.executable, "-m", "tuner", *map(str, args)]
        process = subprocess.Popen(
            command, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield run
    signal.signal(signal.SIGINT, before)
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(found, process=None, seconds=400):
    """Wait for something to become true, while a process runs if one is given. Other processes may be slow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def going(make_place):
    """The place, and a function: the trials of one worker, or of all, that train while another still waits.

    So whatever happens to them next, the study is not complete.
    """
    place = make_place()
    opened = opening.open_storage(place.storage)

    def training(pid=None):
        if "long" not in opening.study_names(opened):
            return []
        trials = optuna.load_study(study_name="long", storage=opened).get_trials()
        if not any(t.state.name == "WAITING" for t in trials):
            return []
        found = [t for t in trials if t.state.name == "RUNNING" and len(t.intermediate_values) >= 2]
        return [t for t in found if pid is None or t.user_attrs["worker"].split(":")[1:2] == [str(pid)]]

    return place, training


def workers_of(state):
    """Workers that a `start` on this state folder has started: the processes that write its worker logs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(Path(os.readlink(fd)).parent == state / "logs" for fd in folder.iterdir()):
                found.append(int(folder.parent.name))
        except OSError:
            continue
    return found


def check_complete(place):
    study = open_study(place, "long")
    summary = summarise(study)
    assert summary["state"] == "complete"
    assert summary["trials"] == {"complete": 4, "pruned": 0, "failed": 0, "running": 0, "waiting": 0}
    assert summary["epochs_run"] == summary["epochs_full"] == 240
    trials = study.optuna.get_trials()
    assert all(sorted(t.intermediate_values) == list(range(1, 61)) for t in trials)
    client = mlflow.MlflowClient(place.tracking)
    runs = client.search_runs([study.runs.experiment_id])
    children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    assert sorted(int(r.data.tags["trial"]) for r in children) == list(range(4))
    assert {r.info.status for r in runs} == {"FINISHED"}
    for run in children:
        steps = [m.step for m in client.get_metric_history(run.info.run_id, "val/weighted_f1")]
        assert sorted(steps) == list(range(1, 61))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see which processes are left")
def test_interrupted_then_joined_then_killed(long, going, background, cli):
    place, training = going
    state = place.state

    first = background("start", long, "--workers", 2, "--state", state)
    until(training, first)
    assert workers_of(state)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=400)
    assert first.returncode == 130, err
    assert "Traceback" not in err
    assert workers_of(state) == []
    study = open_study(place, "long")
    summary = summarise(study)
    assert summary["state"] == "interrupted"
    assert summary["trials"]["running"] == 0 and summary["trials"]["waiting"] >= 1
    params = {t.number: t.params for t in study.optuna.get_trials() if t.params}
    assert params

    joined = background("worker", "long", "--state", state)
    until(lambda: training(joined.pid), joined)
    second = background("start", "--name", "long", "--workers", 1, "--state", state)
    joined.kill()
    second.communicate(timeout=400)
    assert second.returncode == 0

    done = cli("start", long, "--workers", 1, "--state", state, timeout=400)
    assert done.returncode == 0, done.stderr
    check_complete(place)
    after = {t.number: t.params for t in open_study(place, "long").optuna.get_trials()}
    assert {number: after[number] for number in params} == params


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see which processes are left")
def test_workers_leave_when_start_is_killed_and_the_next_start_completes(long, going, background, cli):
    place, training = going
    state = place.state
    first = background("start", long, "--workers", 1, "--state", state)
    until(training, first)
    workers = workers_of(state)
    assert len(workers) == 1
    os.kill(workers[0], signal.SIGKILL)  # a worker that dies is a failure of the start, not of the study
    _, err = first.communicate(timeout=400)
    assert first.returncode == 1
    assert err.startswith("error: ") and "Traceback" not in err

    again = background("start", "--name", "long", "--workers", 1, "--state", state)
    until(training, again)
    again.kill()
    again.wait()
    until(lambda: not workers_of(state))

    done = cli("start", "--name", "long", "--workers", 1, "--state", state, timeout=400)
    assert done.returncode == 0, done.stderr
    check_complete(place)


def test_ctrl_c_is_told_as_such_also_where_the_database_is_locked_just_then(make_study, monkeypatch):
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorname = "SQLITE_BUSY_SNAPSHOT"

    def interrupted(*args):
        raise KeyboardInterrupt

    def refuse(study):
        raise locked

    monkeypatch.setattr(start.progress, "watch", interrupted)
    monkeypatch.setattr(start.lease, "reclaim", refuse)
    study = make_study()
    with pytest.raises(KeyboardInterrupt):
        start._train(study, [], Console(quiet=True), True)
    locked.sqlite_errorname = "SQLITE_CORRUPT"
    with pytest.raises(sqlite3.OperationalError):
        start._train(study, [], Console(quiet=True), True)

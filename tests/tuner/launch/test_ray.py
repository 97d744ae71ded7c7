"""A real Ray cluster of two nodes on this machine: tasks do the work, a node is killed, Ctrl-C hands trials back."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from optuna.trial import TrialState

from tuner.errors import InputError
from tuner.launch import _base
from tuner.storage import lease, opening
from tuner.study.study import open_study

pytest.importorskip("ray", reason="needs Ray: pip install '.[test]'")
ROOT = Path(__file__).parents[3]
HERE = {
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray's name for "127.0.0.1 is meant": else it puts this machine's outer address in its place.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


@pytest.fixture(scope="module")
def cluster():
    """The process that holds the cluster, its address and its folder."""
    said = ""
    for _ in range(3):  # Ray gives a node thirty seconds to come up, which is little where both cores are busy
        with _cluster() as (process, address, folder, errors):
            if address.startswith("127.0.0.1:"):
                yield process, address, folder
                return
            said = errors()
    pytest.fail(f"no Ray cluster came up:\n{said}")


@contextmanager
def _cluster():
    folder = tempfile.mkdtemp(prefix="ray-")  # short: Ray's sockets are below it
    program = [sys.executable, str(Path(__file__).with_name("ray_cluster.py"))]
    # Not by an argument: Ray would still note the address in its default folder, without making that.
    env = os.environ | HERE | {"RAY_TMPDIR": folder}
    with tempfile.TemporaryFile("w+") as errors:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        process = subprocess.Popen(program, env=env, text=True, start_new_session=True, **pipes)
        try:
            address = process.stdout.readline().strip()
            yield process, address, Path(folder), lambda: (errors.seek(0), errors.read())[1]
        finally:
            with process:
                process.stdin.close()
                try:
                    process.wait(30)
                finally:
                    os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def launched(place, address, name, count, environment):
    """`tuner launch ray` under way; what it says is in `.stdout`."""
    command = ["launch", "ray", name, "--workers", str(count), "--device", "cpu", "--state", str(place.state)]
    env = environment | HERE | {"TUNER_STORAGE": place.storage, "TUNER_TRACKING_URI": place.tracking}
    command = [sys.executable, "-m", "tuner", *command, "--set", f"address={address}"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
        try:
            yield process, lambda: (output.seek(0), output.read())[1]
        finally:
            process.kill()
            process.wait()


def until(condition, process, seconds=240):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    return found


def running(study):
    """Trials under way, by their worker's process."""
    there = opening.trials(study.optuna, [TrialState.RUNNING])
    return {int(lease.owner_of(t).split(":")[1]): t for t in there if lease.owner_of(t) and t.intermediate_values}


def test_a_killed_node_costs_nothing_and_ctrl_c_hands_back(cluster, shared, queued, cli_environment):
    holder, address, folder = cluster
    study = queued(shared, trials=40, epochs=60)
    with launched(shared, address, "tiny", 3, cli_environment()) as (process, output):
        # One task a core, so a node each; the third waits for room.
        before = until(lambda: len(found := running(study)) == 2 and found, process)
        holder.stdin.write("kill\n")
        holder.stdin.flush()
        (dead,) = until(lambda: [pid for pid in before if not alive(pid)], process)
        lost = before[dead].number
        until(lambda: study.optuna.get_trials(deepcopy=False)[lost].state.is_finished(), process)
        for trial in opening.trials(study.optuna, [TrialState.WAITING]):  # enough seen
            study.optuna._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        assert process.wait(180) == 0, output()
        assert "the cluster has room for 2 of 3 workers now" in output()
        # The two others come too if they find a free place soon enough.
        assert re.search("the study has ended; [123] of 3 workers saw it", output())
    trials = opening.trials(open_study(shared, "tiny").optuna)
    assert len(trials) == 40 and all(t.state.is_finished() for t in trials)
    assert trials[lost].state.name in ("COMPLETE", "PRUNED")
    assert trials[lost].user_attrs["crashes"]["last"].startswith(f"process {dead} ")

    second = queued(shared, "second", trials=2, epochs=3000)
    with launched(shared, address, "second", 1, cli_environment()) as (process, output):
        until(lambda: running(second), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 130, output()
    left = opening.trials(second.optuna)
    assert {t.state.name for t in left} == {"WAITING"} and not any("crashes" in t.user_attrs for t in left)

    written = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert written and not any(b"s3cret" in content for content in written)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_no_cluster_there(shared, queued):
    queued(shared)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = "{}:{}".format(*taken.getsockname())
        with pytest.raises(InputError, match=f"no Ray cluster at {address} .*refused.*ray start --head"):
            _base.launch("ray", shared, "tiny", device="cpu", given=[f"address={address}"], say=print)

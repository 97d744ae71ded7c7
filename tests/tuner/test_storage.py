"""The queue: each trial is claimed once, none beyond the number asked for, and those of dead workers come back."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from tuner import storage
from tuner.errors import InputError
from tuner.spec import Range

CLAIMS = """
import json, sys
import optuna
from optuna.samplers import RandomSampler
from tuner import storage
study = storage.load_study(storage.open_storage(sys.argv[1]), "s")
print("ready", flush=True)
sys.stdin.readline()
mine = []
while (trial := storage.claim(study, 40, lambda number: RandomSampler(seed=number))) is not None:
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 1)
    study.tell(trial, x)
    mine.append(trial.number)
print(json.dumps(mine))
"""


@pytest.fixture
def study(make_place):
    opened = storage.open_storage(make_place().storage)
    return optuna.create_study(study_name="s", storage=opened, direction="maximize")


def queue(study, n):
    storage.enqueue(study, n, {})


def claim(study, n_trials=100):
    return storage.claim(study, n_trials, lambda number: RandomSampler(seed=number))


def test_four_processes_claim_forty_trials_once_each(study, make_place, tmp_path):
    queue(study, 50)  # more wait than may run
    url = f"sqlite:///{tmp_path / 'state' / 'optuna.db'}"
    command = [sys.executable, "-c", CLAIMS, url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for p in processes:
        assert p.stdout.readline() == "ready\n", p.stderr.read()
    for p in processes:  # all at once
        p.stdin.write("go\n")
        p.stdin.flush()
    found = []
    for p in processes:
        out, err = p.communicate(timeout=100)
        assert p.returncode == 0, err
        found.append(json.loads(out))
    claimed = sorted(number for mine in found for number in mine)
    assert claimed == list(range(40))
    assert sum(bool(mine) for mine in found) >= 2, "one process took all: nothing was tested"
    states = [t.state for t in study.get_trials(deepcopy=False)]
    assert states.count(TrialState.COMPLETE) == 40
    assert states.count(TrialState.WAITING) == 10


def test_threads_claim_each_trial_once(study):
    queue(study, 12)
    claimed, errors = [], []

    def work():
        try:
            own = optuna.load_study(study_name="s", storage=study._storage)
            while (trial := claim(own)) is not None:
                claimed.append(trial.number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(claimed) == list(range(12))
    assert claim(study) is None


def test_queue_has_the_named_trials_first_and_never_more_than_asked(study):
    named = {"baseline": ({"x": 0.5}, {}), "basic": ({"x": 0.3}, {"weighting": "dwa"})}
    storage.enqueue(study, 4, named)
    storage.enqueue(study, 4, named)
    trials = study.get_trials()
    assert len(trials) == 4
    assert [t.user_attrs.get("plan") for t in trials] == ["baseline", "basic", None, None]
    assert trials[1].user_attrs["overrides"] == {"weighting": "dwa"}
    storage.enqueue(study, 6, named)
    assert [t.user_attrs.get("plan") for t in study.get_trials()[4:]] == [None, None]


def test_plans_that_did_not_fit_come_with_more_trials(study):
    named = {name: ({"x": 0.5}, {}) for name in ("baseline", "basic", "full")}
    storage.enqueue(study, 1, named)
    storage.enqueue(study, 3, named)
    assert [t.user_attrs["plan"] for t in study.get_trials()] == ["baseline", "basic", "full"]


def test_claim_leaves_trials_beyond_the_number(study):
    queue(study, 3)
    assert [claim(study, 2).number, claim(study, 2).number, claim(study, 2)] == [0, 1, None]


def test_handed_back_trial_keeps_its_knobs(study):
    queue(study, 2)
    first = claim(study)
    value = first.suggest_float("x", 0, 1)
    storage.hand_back(study, first._trial_id)
    again = storage.claim(study, 100, lambda number: RandomSampler(seed=999))
    assert again.number == 0
    assert again.suggest_float("x", 0, 1) == value


def test_reclaim_takes_the_trials_of_dead_workers_of_this_host_only(study):
    queue(study, 5)
    dead = subprocess.Popen(["true"])
    dead.wait()
    host, me = socket.gethostname(), os.getpid()
    workers = [
        f"{host}:{dead.pid}:123",  # dead
        storage.worker_id(),  # alive: this process
        f"elsewhere:{dead.pid}:123",  # of another host one cannot say
        f"{host}:{me}:1",  # the pid is in use again, by a process that started at another time
        None,  # claimed by something that left no name
    ]
    for worker in workers:
        trial = claim(study)
        if worker:
            study._storage.set_trial_user_attr(trial._trial_id, "worker", worker)
        else:
            study._storage.set_trial_user_attr(trial._trial_id, "worker", "")
    assert storage.reclaim(study) == [0, 3]
    states = [t.state.name for t in study.get_trials()]
    assert states == ["WAITING", "RUNNING", "RUNNING", "WAITING", "RUNNING"]
    assert storage.reclaim(study) == []


def test_reclaim_leaves_finished_trials_alone(study):
    queue(study, 1)
    trial = claim(study)
    study._storage.set_trial_user_attr(trial._trial_id, "worker", f"{socket.gethostname()}:999999999:1")
    study.tell(trial, 1.0)
    assert storage.reclaim(study) == []
    assert study.get_trials()[0].state == TrialState.COMPLETE


def test_sqlite_is_in_wal_mode(study, tmp_path):
    connection = sqlite3.connect(tmp_path / "state" / "optuna.db")
    try:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        connection.close()


@pytest.mark.parametrize(
    "case", ["file as folder", "corrupt", "directory", "no driver", "refused", "no url", "mistyped", "dialect"]
)
def test_storage_that_cannot_be_opened_is_one_line(tmp_path, case):
    (tmp_path / "file").write_text("I am no folder")
    (tmp_path / "corrupt.db").write_bytes(b"this is no database at all" * 100)
    with socket.socket() as probe:  # a port where nobody listens
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = {
        "file as folder": f"sqlite:///{tmp_path}/file/optuna.db",
        "corrupt": f"sqlite:///{tmp_path}/corrupt.db",
        "directory": f"sqlite:///{tmp_path}",
        "no driver": "postgresql+pg8000://me:s3cret@127.0.0.1/db",
        "refused": f"mysql+pymysql://me:s3cret@127.0.0.1:{port}/db",
        "no url": "not a url",
        "mistyped": "postgresql//me:s3cret@host/db",
        "dialect": "nosuchdb://me:s3cret@host/db",
    }[case]
    with pytest.raises(InputError) as caught:
        storage.open_storage(url)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert "s3cret" not in message
    assert message.startswith("storage ")
    assert (tmp_path / "file").read_text() == "I am no folder"
    assert (tmp_path / "corrupt.db").read_bytes() == b"this is no database at all" * 100


def test_unknown_study_lists_those_there_are(study):
    with pytest.raises(InputError, match=r"unknown study 't'.*There are: s"):
        storage.load_study(study._storage, "t")


def test_distributions():
    assert storage.distribution(Range(low=0, high=1)) == FloatDistribution(0, 1)
    assert storage.distribution(Range(low=0.1, high=1, log=True)) == FloatDistribution(0.1, 1, log=True)
    assert storage.distribution(Range(low=1, high=9), whole=True) == IntDistribution(1, 9)
    assert storage.distribution(Range(choices=["fixed", "dwa"])) == CategoricalDistribution(("fixed", "dwa"))

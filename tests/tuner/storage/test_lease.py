"""Claims and leases: each trial is trained by one worker at a time, and comes back when that worker is gone."""

import json
import os
import socket
import subprocess
import sys
import threading
import warnings

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from tuner.errors import InputError
from tuner.storage import lease, opening
from tuner.storage.watch import Keeper, Watch

CLAIMS = """
import json, sys
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import RandomSampler
from tuner.storage import lease, opening
study = opening.load_study(opening.open_storage(sys.argv[1]), "s")
print("ready", flush=True)
sys.stdin.readline()
mine = []
while (trial := lease.claim(study, 40, lambda number: RandomSampler(seed=number))) is not None:
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 1)
    study.tell(trial, x)
    mine.append(trial.number)
print(json.dumps(mine))
"""


@pytest.fixture
def study(make_place):
    opened = opening.open_storage(make_place().storage)
    return optuna.create_study(study_name="s", storage=opened, direction="maximize")


def queue(study, n):
    opening.enqueue(study, n, [])


def claim(study, n_trials=100):
    return lease.claim(study, n_trials, lambda number: RandomSampler(seed=number))


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


def test_of_many_that_begin_together_few_try_for_the_same_trial():
    """All have read the queue before any claims; turns are taken one after the other."""
    queue = list(range(200))
    assert list(lease.apart(queue))[:1] == [0] and sorted(lease.apart(queue)) == queue
    taken, tries, turns = set(), 0, [lease.apart(queue) for _ in range(100)]
    while turns:
        for mine in list(turns):
            tries += 1
            if (number := next(mine)) not in taken:
                taken.add(number)
                turns.remove(mine)
    assert len(taken) == 100
    assert tries < 1500, "one after the other they would have tried 5050 times"


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


def test_claim_leaves_trials_beyond_the_number(study):
    queue(study, 3)
    assert [claim(study, 2).number, claim(study, 2).number, claim(study, 2)] == [0, 1, None]


def test_handed_back_trial_keeps_its_knobs(study):
    queue(study, 2)
    first = claim(study)
    value = first.suggest_float("x", 0, 1)
    lease.hand_back(study, first._trial_id, lease.owner_of(first))
    again = lease.claim(study, 100, lambda number: RandomSampler(seed=999))
    assert again.number == 0
    assert again.suggest_float("x", 0, 1) == value


def test_reclaim_takes_the_trials_of_dead_workers_of_this_host_only(study):
    queue(study, 5)
    dead = subprocess.Popen(["true"])
    dead.wait()
    host, me = lease.host(), os.getpid()
    workers = [
        f"{host}:{dead.pid}:123",  # dead
        lease.worker_id(),  # alive: this process
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
    assert lease.reclaim(study) == [0, 3]
    states = [t.state.name for t in study.get_trials()]
    assert states == ["WAITING", "RUNNING", "RUNNING", "WAITING", "RUNNING"]
    assert lease.reclaim(study) == []


def test_reclaim_leaves_finished_trials_alone(study):
    queue(study, 1)
    trial = claim(study)
    study._storage.set_trial_user_attr(trial._trial_id, "worker", f"{lease.host()}:999999999:1")
    study.tell(trial, 1.0)
    assert lease.reclaim(study) == []
    assert study.get_trials()[0].state == TrialState.COMPLETE


@pytest.fixture(params=["sqlite", "postgres", "journal", "grpc"])
def open_twice(request, tmp_path):
    """Opens one storage of each kind any number of times, as workers on several machines would."""
    if request.param in ("sqlite", "postgres"):
        postgres = request.param == "postgres"
        url = request.getfixturevalue("postgres").database() if postgres else f"sqlite:///{tmp_path}/optuna.db"
        yield lambda: opening.open_storage(url)
    elif request.param == "journal":
        backend = optuna.storages.journal.JournalFileBackend
        yield lambda: optuna.storages.JournalStorage(backend(str(tmp_path / "journal.log")))
    else:
        from optuna.storages._grpc.server import make_server

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = make_server(opening.open_storage(f"sqlite:///{tmp_path}/optuna.db"), "127.0.0.1", port)
        server.start()
        opened = []

        def proxy():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                opened.append(optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=port))
            return opened[-1]

        yield proxy
        for client in opened:
            client.close()
        server.stop(None).wait()


@pytest.fixture
def workers(open_twice):
    """The same study as several workers see it."""
    optuna.create_study(study_name="s", storage=open_twice(), direction="maximize")
    return [optuna.load_study(study_name="s", storage=open_twice()) for _ in range(4)]


def test_an_expired_trial_is_taken_over_by_exactly_one_worker(workers):
    first, *others = workers
    queue(first, 2)
    trial = claim(first)
    seen = [next(t for t in opening.trials(s, [TrialState.RUNNING])) for s in others]
    start, claimed, errors = threading.Barrier(len(others)), [], []

    def work(study, as_seen):
        try:
            start.wait()
            if lease.take_over(study, as_seen):
                taken.append(study)
            claimed.append(claim(study, 1))
        except Exception as error:
            errors.append(error)

    taken = []
    threads = [threading.Thread(target=work, args=pair) for pair in zip(others, seen, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(taken) == 1
    got = [t for t in claimed if t is not None] or [claim(first, 1)]
    assert [t.number for t in got] == [0]
    assert not lease.holds(first, trial._trial_id, lease.owner_of(trial)), "the old owner can see that it lost it"
    assert lease.holds(others[0], trial._trial_id, lease.owner_of(got[0]))
    assert opening.study_names(first._storage) == ["s"]
    assert len(first._storage.get_all_studies()) == 1, "the lock is gone"
    assert not lease.take_over(others[0], seen[0]), "what was seen before says nothing about the new owner"
    assert lease.owner_of(first.get_trials()[0]) == lease.owner_of(got[0])


def test_leases_are_renewed_and_watched_on_every_storage(workers, monkeypatch):
    first, second, *_ = workers
    queue(first, 3)
    alive, dead = claim(first), claim(first)
    now = 0.0
    monkeypatch.setattr("tuner.storage.watch.time.monotonic", lambda: now)
    holder, watcher = Keeper(first, lease=60), Keeper(second, lease=60)
    holder.hold(alive)
    for now in range(1000, 1121, 15):
        holder.renew()
        watcher.look()
        assert [t.number for t in watcher.expired()] == ([dead.number] if now >= 1060 else [])
    assert holder.holds(alive)
    assert [t.number for t in watcher.recover()] == [dead.number]
    assert claim(second).number == dead.number


def test_a_worker_that_lost_its_trial_notices(workers):
    first, second, *_ = workers
    queue(first, 1)
    trial = claim(first)
    keeper = Keeper(first, lease=60)
    keeper.hold(trial)
    keeper.renew()
    assert keeper.lost == set() and keeper.holds(trial)
    assert lease.take_over(second, opening.trials(second, [TrialState.RUNNING])[0])
    keeper.renew()
    assert keeper.lost == {trial._trial_id} and not keeper.holds(trial)
    again = claim(second)
    keeper.renew()
    assert not keeper.holds(trial)
    lease.hand_back(first, trial._trial_id, lease.owner_of(trial))
    assert lease.holds(second, trial._trial_id, lease.owner_of(again)), "the old owner cannot give it away"


def test_retries_run_out_unless_the_trial_comes_further(study):
    queue(study, 1)

    def crash(epoch):
        trial = claim(study)
        assert lease.spent(trial) is None
        for e in range(epoch):
            study._storage.set_trial_intermediate_value(trial._trial_id, e + 1, 0.5)
        assert lease.take_over(study, opening.trials(study)[0])

    for epoch in (0, 0, 0, 1, 1, 1):  # three times at each epoch
        crash(epoch)
    crash(1)
    why = lease.spent(claim(study))
    assert why.startswith("its worker died 4 times without getting past epoch 1; the last one was process ")
    assert f"process {os.getpid()} on " in why


def test_a_lock_left_by_a_dead_process_is_broken_after_a_lease(study, monkeypatch):
    queue(study, 1)
    trial = claim(study)
    seen = opening.trials(study)[0]
    optuna.create_study(study_name=f"{opening.LOCK}s:0:{lease.owner_of(trial)}", storage=study._storage)
    now = 0.0
    monkeypatch.setattr("tuner.storage.watch.time.monotonic", lambda: now)
    keeper = Keeper(study, lease=60)
    keeper.expired = lambda: [seen]
    for now in (1.0, 60.0):  # noqa: B007 (the clock reads it)
        assert keeper.recover() == []
    now = 62.0
    keeper.recover()  # breaks it
    assert [t.number for t in keeper.recover()] == [0]
    assert opening.trials(study)[0].state == TrialState.WAITING


# --- watching, with a clock of its own


class Seen:
    """A running trial as `Watch` sees it."""

    def __init__(self, beat, owner="h:1:2:3:60", trial_id=7):
        self.datetime_start, self._trial_id = "then", trial_id
        self.user_attrs = {"worker": owner, "lease": beat}


def looks(watch, *pairs, longest=15.0, **kwargs):
    """Look at these moments and beats; whether the trial counts as expired after the last."""
    for now, beat in pairs:
        watch.saw([Seen(beat, **kwargs)], now, longest)
    return bool(watch.expired(60))


def test_expires_when_unchanged_for_a_lease_of_ones_own_clock():
    assert not looks(Watch(), *((t, 5) for t in range(1000, 1060, 15)))
    assert looks(Watch(), *((t, 5) for t in range(1000, 1061, 15)))
    assert not looks(Watch(), *((t, t) for t in range(1000, 2000, 15))), "it changes, whatever it says"


def test_the_lease_that_counts_is_the_owners():
    assert not looks(Watch(), *((t, 5) for t in range(0, 500, 15)), owner="h:1:2:3:600")
    assert looks(Watch(), *((t, 5) for t in range(0, 16, 15)), owner="h:1:2:3:5")
    assert looks(Watch(), *((t, 5) for t in range(0, 75, 15)), owner="")


def test_who_was_asleep_or_cut_off_starts_watching_anew():
    watch = Watch()
    assert not looks(watch, (0, 5), (15, 5), (500, 5), (515, 5), (530, 5), (545, 5))
    assert looks(watch, (560, 5))


def test_a_new_owner_has_a_new_lease():
    watch = Watch()
    looks(watch, *((t, 5) for t in range(0, 60, 15)))
    assert not looks(watch, (60, 5), owner="other:1:2:3:60")


@pytest.mark.parametrize("value", ["0", "x", "-3", "inf", "nan", ""])
def test_a_lease_that_is_no_duration_is_refused(monkeypatch, value):
    monkeypatch.setenv("TUNER_LEASE", value)
    with pytest.raises(InputError, match="TUNER_LEASE must be a number of seconds"):
        lease.seconds()

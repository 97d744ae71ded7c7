"""What passes by itself is waited for; what does not is raised at once."""

import errno
import sqlite3
import subprocess
import sys
import threading

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy import event, exc, text

from tuner.errors import InputError
from tuner.storage import database, opening
from tuner.system import interrupt, waiting
from tuner.system.waiting import find, impatient, ride_out
from tuner.tracking.client import Tracker


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.1)


class Flaky:
    """Fails so often, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return "here"


def full():
    return OSError(errno.ENOSPC, "No space left on device")


def test_waits_says_so_once_and_says_when_it_goes_on(capsys):
    assert ride_out(Flaky(full(), full(), full()), "the storage") == "here"
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "the storage: no room on the disk; waiting for room, nothing is lost",
        "the storage: is back, going on",
    ]


def test_what_does_not_pass_is_raised_at_once(capsys):
    with pytest.raises(ValueError, match="wrong"):
        ride_out(Flaky(ValueError("wrong")), "it")
    assert capsys.readouterr().err == ""


def test_a_connection_is_not_waited_for_without_end_but_a_full_disk_is(monkeypatch):
    now = 0.0
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now)

    def tick(seconds):
        nonlocal now
        now += 100

    monkeypatch.setattr(waiting, "_wait", tick)
    lost = [exc.OperationalError("select", {}, Exception("server closed the connection")) for _ in range(20)]
    with pytest.raises(exc.OperationalError):
        ride_out(Flaky(*lost), "it")
    assert 600 < now < 900
    assert ride_out(Flaky(*(full() for _ in range(20))), "it") == "here"


def test_nothing_is_waited_for_where_nobody_has_the_time():
    with impatient(), pytest.raises(OSError, match="No space"):
        ride_out(Flaky(full()), "it")
    assert ride_out(Flaky(full()), "it") == "here"


def test_a_signal_ends_the_waiting(monkeypatch):
    interrupt.STOP.set()
    try:
        with pytest.raises(interrupt.Interrupted):
            ride_out(Flaky(full()), "it")
    finally:
        interrupt.STOP.clear()


class Psycopg(Exception):
    __module__ = "psycopg.errors"

    def __init__(self, state):
        super().__init__(f"state {state}")
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        *((state, True) for state in ("57P01", "57P03", "08006", "53300", "40P01", "53100")),
        *((state, False) for state in ("28P01", "42P01", "22001")),
    ],
)
def test_what_a_postgresql_says(state, passes):
    error = StorageInternalError("commit")
    error.__cause__ = exc.OperationalError("insert", {}, Psycopg(state))
    found = find(error)
    assert (found is not None) == passes
    assert found is None or found.full == (state == "53100")


def test_a_missing_table_does_not_pass(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/x.db")
    with engine.connect() as connection, pytest.raises(exc.OperationalError) as caught:
        connection.execute(text("select * from nothing"))
    engine.dispose()
    assert find(caught.value) is None


def test_a_full_sqlite_database_is_waited_for(make_place, capsys):
    opened = opening.open_storage(make_place().storage)
    study = optuna.create_study(study_name="s", storage=opened)
    trial = study.ask()
    engine, limit = opened._backend.engine, 60

    @event.listens_for(engine, "checkout")
    def small(connection, *_):
        nonlocal limit
        limit += 20  # there is a little more room each time
        connection.execute(f"PRAGMA max_page_count={limit}")

    trial.set_user_attr("large", "x" * 500_000)
    assert "no room on the disk; waiting for room" in capsys.readouterr().err
    assert len(optuna.load_study(study_name="s", storage=opened).trials[0].user_attrs["large"]) == 500_000


# --- a real PostgreSQL


def test_a_restart_of_postgresql_is_ridden_out(postgres, capfd):
    opened = opening.open_storage(postgres.database())
    study = optuna.create_study(study_name="s", storage=opened)
    study.enqueue_trial({})
    trial = study.ask()
    postgres.stop()
    back = threading.Timer(1.0, postgres.start)
    back.start()
    with impatient(), pytest.raises(StorageInternalError):
        trial.report(0.1, 0)
    trial.report(0.5, 1)
    study.tell(trial, 0.5)
    back.join()
    assert study.trials[0].state == TrialState.COMPLETE and study.trials[0].intermediate_values == {1: 0.5}
    said = capfd.readouterr().err
    assert "storage: " in said and "; waiting" in said and "storage: is back, going on" in said


def test_an_end_whose_answer_was_lost_counts_as_written(make_place, monkeypatch):
    opened = opening.open_storage(make_place().storage)
    study = optuna.create_study(study_name="s", storage=opened)
    trial = study.ask()
    original = optuna.storages.RDBStorage.set_trial_state_values
    calls = []

    def lost(self, trial_id, state, values=None):
        calls.append(state)
        done = original(self, trial_id, state, values)
        if len(calls) == 1:
            raise exc.OperationalError("commit", {}, Exception("server closed the connection"))
        return done

    monkeypatch.setattr(optuna.storages.RDBStorage, "set_trial_state_values", lost)
    study.tell(trial, 0.5)
    assert len(calls) == 2 and study.trials[0].value == 0.5
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        opened.set_trial_state_values(trial._trial_id, TrialState.FAIL)


MAKE = """
import sys
from pathlib import Path
from tuner.storage import opening
from tuner.tracking.client import Tracker, preload
preload()
print("ready", flush=True)
sys.stdin.readline()
opening.open_storage(sys.argv[1])
Tracker(sys.argv[2], Path(sys.argv[3]))
"""


def test_tables_are_made_once_when_many_start_together(postgres, tmp_path):
    command = [sys.executable, "-c", MAKE, postgres.database(), postgres.database(), str(tmp_path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for p in started:
        assert p.stdout.readline() == "ready\n", p.stderr.read()
    for p in started:  # all at once
        p.stdin.write("go\n")
        p.stdin.flush()
    for p in started:
        _, err = p.communicate(timeout=120)
        assert p.returncode == 0, err


def test_optuna_and_mlflow_need_a_database_each(postgres, make_place):
    url = postgres.database()
    opening.open_storage(url)
    with pytest.raises(InputError, match=r"holds Optuna's tables.*need a database each"):
        Tracker(url, make_place().state)
    place = make_place("other")
    with pytest.raises(InputError, match=r"holds MLflow's tables.*need a database each"):
        opening.open_storage(place.tracking)


@pytest.mark.parametrize("kind", ["server", "database", "port"])
def test_what_cannot_be_reached_is_said_at_once(postgres, tmp_path, kind):
    url = {
        "server": "postgresql+psycopg://me:s3cret@/db?host=/nowhere",
        "database": postgres.url("nothing"),
        "port": "postgresql+psycopg://me:s3cret@127.0.0.1:1/db",
    }[kind]
    for call in (lambda: opening.open_storage(url), lambda: Tracker(url, tmp_path)):
        with pytest.raises(InputError, match="cannot be opened") as caught:
            call()
        assert "s3cret" not in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_databases_of_other_versions_are_named(make_place):
    place = make_place()
    for url, program, call in (
        (place.storage, "Optuna", lambda: opening.open_storage(place.storage)),
        (place.tracking, "MLflow", lambda: Tracker(place.tracking, place.state)),
    ):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
        connection.commit()
        connection.close()
        with pytest.raises(InputError, match=rf"made or upgraded by another version of {program} than \d"):
            call()


def test_drivers_that_are_missing_are_named(tmp_path):
    with pytest.raises(InputError, match=r"driver that is not installed.*psycopg2.*loss-weight-tuner\[postgres\]"):
        opening.open_storage("postgresql+psycopg2://me@127.0.0.1/db")


def test_a_url_is_a_databases_or_a_servers():
    assert database.is_database("sqlite:///x.db") and database.is_database("postgresql+psycopg://h/d")
    assert not database.is_database("http://127.0.0.1:5000")

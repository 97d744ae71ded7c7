"""The storage: opened or refused in one line, and the queue in it filled as asked."""

import socket
import sqlite3

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tuner.errors import InputError
from tuner.spec.sections import Range
from tuner.storage import opening
from tuner.storage.record import TrialRecord


@pytest.fixture
def study(make_place):
    opened = opening.open_storage(make_place().storage)
    return optuna.create_study(study_name="s", storage=opened, direction="maximize")


def test_queue_has_the_named_trials_first_and_never_more_than_asked(study):
    named = [
        ({"x": 0.5}, TrialRecord(plan="baseline")),
        ({"x": 0.3}, TrialRecord(plan="basic", overrides={"weighting": "dwa"})),
    ]
    opening.enqueue(study, 4, named)
    opening.enqueue(study, 4, named)
    trials = study.get_trials()
    assert len(trials) == 4
    assert [TrialRecord.of(t).plan for t in trials] == ["baseline", "basic", None, None]
    assert TrialRecord.of(trials[1]).overrides == {"weighting": "dwa"}
    opening.enqueue(study, 6, named)
    assert [TrialRecord.of(t).plan for t in study.get_trials()[4:]] == [None, None]


def test_plans_that_did_not_fit_come_with_more_trials(study):
    named = [({"x": 0.5}, TrialRecord(plan=name)) for name in ("baseline", "basic", "full")]
    opening.enqueue(study, 1, named)
    opening.enqueue(study, 3, named)
    assert [TrialRecord.of(t).plan for t in study.get_trials()] == ["baseline", "basic", "full"]


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
        opening.open_storage(url)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert "s3cret" not in message
    assert message.startswith("storage ")
    assert (tmp_path / "file").read_text() == "I am no folder"
    assert (tmp_path / "corrupt.db").read_bytes() == b"this is no database at all" * 100


def test_unknown_study_lists_those_there_are(study):
    with pytest.raises(InputError, match=r"unknown study 't'.*There are: s"):
        opening.load_study(study._storage, "t")


def test_distributions():
    assert opening.distribution(Range(low=0, high=1)) == FloatDistribution(0, 1)
    assert opening.distribution(Range(low=0.1, high=1, log=True)) == FloatDistribution(0.1, 1, log=True)
    assert opening.distribution(Range(low=1, high=9), whole=True) == IntDistribution(1, 9)
    assert opening.distribution(Range(choices=["fixed", "dwa"])) == CategoricalDistribution(("fixed", "dwa"))

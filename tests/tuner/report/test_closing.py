"""A process that opens many storages keeps no file and no connection of those it no longer uses."""

import gc
import os
from pathlib import Path

import optuna
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tuner.storage import opening


@pytest.fixture
def no_garbage_collector():
    """Only what nobody refers to any more is closed, and at once."""
    gc.disable()
    yield
    gc.enable()


def use(url):
    study = optuna.create_study(storage=opening.open_storage(url))
    study.tell(study.ask(), 0.5)
    return len(study.get_trials())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see what is open")
def test_sqlite_files_are_closed(make_place, no_garbage_collector):
    url = make_place().storage
    use(url)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        use(url)
    assert len(os.listdir("/proc/self/fd")) == before


def test_connections_to_postgresql_are_closed(postgres, no_garbage_collector):
    url = postgres.database()
    for _ in range(3):
        use(url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.execute(text(mine)).scalar() == 1
    engine.dispose()


def test_what_is_in_use_stays_open(make_place):
    study = optuna.create_study(storage=opening.open_storage(make_place().storage))
    gc.collect()
    study.tell(study.ask(), 0.5)
    assert study.best_value == 0.5

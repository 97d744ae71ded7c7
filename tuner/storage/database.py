"""What Optuna's and MLflow's databases have in common: made once, reached quickly or not at all, never shared."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tuner.errors import InputError
from tuner.system.place import sqlite_file

OPTUNA, MLFLOW = "Optuna", "MLflow"
_TABLES = {OPTUNA: "studies", MLFLOW: "experiments"}
"""A table that tells whose database it is."""


def connect_args(url: str) -> dict[str, Any]:
    """Settings for a driver with which a host that has vanished is noticed within seconds instead of hours."""
    if url.startswith(("postgresql+psycopg:", "postgresql+psycopg2:", "postgresql:")):
        return {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "tcp_user_timeout": 30_000}
    return {}


def is_database(url: str) -> bool:
    """Whether a URL is a database's and not a server's."""
    return not url.startswith(("http:", "https:", "grpc:", "file:"))


@contextmanager
def made_once(url: str, whose: str) -> Iterator[None]:
    """In this block one process at a time makes the tables of `whose` (OPTUNA or MLFLOW); nobody waits once they are
    there.

    Raises InputError where the database holds the other one's tables, and what the driver raises where it cannot be
    reached.
    """
    path = sqlite_file(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        use_wal(path)
    engine = create_engine(url, poolclass=NullPool, connect_args=connect_args(url))
    try:
        if _complete(engine, whose):
            yield
            return
        with _lock(engine):
            _complete(engine, whose)
            yield
    finally:
        engine.dispose()


def _complete(engine: Engine, whose: str) -> bool:
    """Whether the tables are there and have their version, which both programs write last."""
    names = set(inspect(engine).get_table_names())
    other = MLFLOW if whose == OPTUNA else OPTUNA
    if _TABLES[other] in names:
        # Both keep their version in a table of the same name.
        raise InputError(
            f"{engine.url.render_as_string(hide_password=True)} holds {other}'s tables: Optuna "
            "(--storage) and MLflow (--tracking-uri) need a database each"
        )
    if not {_TABLES[whose], "alembic_version"} <= names:
        return False
    with engine.connect() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).first()
        if whose == MLFLOW:  # the default experiment comes after the version
            return version is not None and connection.execute(text("SELECT 1 FROM experiments")).first() is not None
        return version is not None


@contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    """Held by one process at a time, and given back by the system when that process dies."""
    if engine.dialect.name == "postgresql":
        key = zlib.crc32(b"loss-weight-tuner")
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield
        return
    path = sqlite_file(engine.url.render_as_string(hide_password=False))
    if path is None:
        yield
        return
    handle = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def use_wal(path: Path) -> None:
    """Readers and a writer at the same time; the mode stays with the file."""
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()

"""One line that says what went wrong below whatever wrapped it."""

import sqlite3

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tuner.system.cause import first_line, root_cause


def test_the_driver_says_what_is_wrong_with_a_database():
    engine = create_engine("sqlite://")
    with pytest.raises(OperationalError) as wrapped, engine.connect() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    engine.dispose()
    assert first_line(root_cause(wrapped.value)) == "no such table: nowhere"
    with pytest.raises(StorageInternalError) as twice:
        raise StorageInternalError("An exception is raised during the commit.") from wrapped.value
    assert isinstance(root_cause(twice.value), sqlite3.OperationalError)


def test_what_has_no_cause_and_no_text_is_named():
    assert root_cause(KeyError("a")).args == ("a",)
    assert first_line(ValueError()) == "ValueError"
    assert first_line(RuntimeError("\n  first \nsecond")) == "first"
    assert "s3cret" not in first_line(RuntimeError("postgresql://me:s3cret@host/db is away"))

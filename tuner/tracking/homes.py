"""Artifacts live in the state folder, wherever that is now: MLflow writes down absolute places, and folders move.

Of a database in the state folder every place that looks like ours is put there: a copy never writes into its original.
Of a database elsewhere a place changes only where the old one is gone and the artifacts are in this state folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from tuner.errors import InputError
from tuner.storage.database import connect_args
from tuner.system.names import inside
from tuner.system.place import sqlite_file

FOLDER = "artifacts"
"""In the state folder; MLflow has a folder of the same name in that of each run."""


def experiment(state: Path, name: str) -> str:
    """Where the artifacts of an experiment go, as a URI. Raises InputError for a name that leads elsewhere."""
    return inside(state / FOLDER, name).as_uri()


def embedded(uri: str, state: Path) -> bool:
    """Whether MLflow's database lies in the state folder."""
    file = sqlite_file(uri)
    return file is not None and file.absolute().parent.resolve() == state.resolve()


@contextmanager
def no_stray_folder(uri: str) -> Iterator[None]:
    """MLflow takes what follows `sqlite:///` as it stands for a path and makes its folder: here that goes again."""
    file = sqlite_file(uri)
    wrong = Path(uri.partition(":///")[2]).parent
    stray = file is not None and file.parent != wrong and not wrong.exists()
    try:
        yield
    finally:
        if stray:
            with suppress(OSError):
                wrong.rmdir()


def of_run(state: Path, uri: str) -> Path | None:
    """Where a run's artifacts belong in this state folder; None where the URI is none of a state folder's."""
    path = _path(uri)
    if path is None or path.name != FOLDER or path.parents[2].name != FOLDER:
        return None
    return inside(state / FOLDER, path.parents[1].name, path.parent.name, FOLDER)


def bring_home(uri: str, state: Path) -> None:
    """Correct the places in MLflow's database after the state folder was moved or copied.

    Raises what the driver raises where the database cannot be read or written.
    """
    engine = create_engine(uri, poolclass=NullPool, connect_args=connect_args(uri))
    always = embedded(uri, state)
    try:
        with engine.connect() as connection:
            known = connection.execute(text("SELECT experiment_id, name, artifact_location FROM experiments")).all()
        moved = [(number, old, new) for number, name, old in known if (new := _moved(state, name, old, always))]
        if moved:
            with engine.begin() as connection:
                for number, old, new in moved:
                    _correct(connection, number, old, new)
    finally:
        engine.dispose()


def _correct(connection: Connection, number: int, old: str, new: str) -> None:
    values = {"id": number, "old": old, "new": new, "size": len(old), "next": len(old) + 1}
    connection.execute(
        text("UPDATE experiments SET artifact_location = :new WHERE experiment_id = :id AND artifact_location = :old"),
        values,
    )
    connection.execute(
        text(
            "UPDATE runs SET artifact_uri = :new || substr(artifact_uri, :next) "
            "WHERE experiment_id = :id AND substr(artifact_uri, 1, :size) = :old"
        ),
        values,
    )


def _moved(state: Path, name: str, old: str | None, always: bool) -> str | None:
    """The new place of an experiment; None where it stays."""
    path = _path(old or "")
    if path is None or path.name != name or path.parent.name != FOLDER:
        return None
    try:
        new = inside(state / FOLDER, name)
    except InputError:
        return None
    if path == new or (path.exists() and new.exists() and path.samefile(new)):
        return None
    return new.as_uri() if always or (new.exists() and not path.exists()) else None


def _path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    return path if parts.scheme == "file" and path.is_absolute() and len(path.parts) > 4 else None

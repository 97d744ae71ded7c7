"""Waiting for what comes back: a database that restarts, a network that fails, a disk that is full.

What passes by itself is waited for, with growing pauses; what does not is raised at once.
"""

from __future__ import annotations

import errno
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from trainer.text import printable
from tuner.system.cause import first_line
from tuner.system.interrupt import rest

LONGEST = 600.0
"""Seconds for which a connection is waited for before it counts as broken. A full disk is waited for without end."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
ENDINGS = ("; waiting", "; waiting for room, nothing is lost")
"""How the line ends that says what is waited for."""

T = TypeVar("T")
_LOCAL = threading.local()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that may pass by itself."""

    what: str
    """for a message"""
    full: bool = False
    """a disk is full: nothing can be kept, so nothing should be done"""


def ride_out(call: Callable[[], T], where: str) -> T:
    """Call; as long as it fails for something that passes, wait and call again. `where` names it in messages.

    Raises what `call` raised where that does not pass, after LONGEST, or within `impatient`; Interrupted when a signal
    asks this process to leave.
    """
    began, pause, told = time.monotonic(), FIRST_PAUSE, ""
    while True:
        try:
            found = call()
        except Exception as error:
            trouble = None if getattr(_LOCAL, "impatient", False) else find(error)
            if trouble is None or (not trouble.full and time.monotonic() - began > LONGEST):
                raise
            if told != trouble.what:
                _say(f"{where}: {trouble.what}{ENDINGS[trouble.full]}")
            told = trouble.what
        else:
            if told:
                _say(f"{where}: is back, going on")
            return found
        _wait(pause * random.uniform(0.8, 1.2))  # not all workers at once
        pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def impatient() -> Iterator[None]:
    """In this block, and in this thread, nothing is waited for."""
    before = getattr(_LOCAL, "impatient", False)
    _LOCAL.impatient = True
    try:
        yield
    finally:
        _LOCAL.impatient = before


def _wait(seconds: float) -> None:
    if threading.current_thread() is threading.main_thread():
        rest(seconds)
    else:
        time.sleep(seconds)


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)


def find(error: BaseException) -> Trouble | None:
    """What is wrong, where it may pass by itself; None for anything else."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return Trouble("no room on the disk", full=True)
    databases = [c for c in chain if isinstance(c, sqlite3.Error) or type(c).__module__.startswith(_DATABASES)]
    if databases:
        return next((found for found in map(_database, databases) if found), None)
    return next((found for found in map(_network, chain) if found), None)


_DATABASES = ("sqlalchemy.exc", "psycopg", "pymysql", "MySQLdb")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        below = getattr(error, "orig", None) or error.__cause__ or error.__context__
        error = below if isinstance(below, BaseException) else None


def _database(error: BaseException) -> Trouble | None:
    sqlite = getattr(error, "sqlite_errorname", "")
    if sqlite == "SQLITE_FULL":
        return Trouble("no room on the disk", full=True)
    if sqlite.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Trouble("the database is locked")
    if sqlite.startswith("SQLITE_IOERR"):
        return Trouble("the disk cannot be read or written")
    state = getattr(error, "sqlstate", None) or ""
    if state == "53100":
        return Trouble("no room on the disk of the database", full=True)
    # connection, shut down or starting, too many connections, serialization failure, deadlock, lock timeout
    if state[:2] == "08" or state[:3] == "57P" or state in ("53300", "40001", "40P01", "55P03"):
        return Trouble(first_line(error))
    from sqlalchemy import exc

    if isinstance(error, exc.TimeoutError):
        return Trouble("no free connection to the database")
    if not isinstance(error, exc.DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return None
    # A driver that could not connect at all names no state.
    unnamed = isinstance(error, (exc.OperationalError, exc.InterfaceError)) and not getattr(error.orig, "sqlstate", "")
    return Trouble(f"no connection ({first_line(error.orig)})") if error.connection_invalidated or unnamed else None


def _network(error: BaseException) -> Trouble | None:
    module, name = type(error).__module__, type(error).__name__
    if module.startswith("requests") and ("Connection" in name or "Timeout" in name):
        return Trouble("no connection")
    if module.startswith("grpc"):
        code: Any = getattr(error, "code", lambda: None)()
        details = str(getattr(error, "details", lambda: "")())
        behind = getattr(code, "name", "") == "UNKNOWN" and (
            "StorageInternalError" in details or "OperationalError" in details
        )
        if getattr(code, "name", "") in ("UNAVAILABLE", "DEADLINE_EXCEEDED") or behind:
            return Trouble("no connection to the proxy" if not behind else "the proxy cannot reach its database")
    status = getattr(error, "get_http_status_code", None)
    if status is not None and status() in (429, 502, 503, 504):
        return Trouble("the server is not ready")
    return None

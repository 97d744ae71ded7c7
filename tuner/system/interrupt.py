"""Leaving tidily: a signal, or the end of the process that started this one, is looked at where it costs nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

STOP = threading.Event()
"""Set by a signal; looked at once an epoch."""
ALIVE = "TUNER_ALIVE_FILE"
"""Environment variable: a file that is touched once an epoch, and while a worker waits, for whoever watches over it."""
GRACE = 3.0
"""Seconds after a signal in which an epoch may still end; a longer one is broken off, back to the last checkpoint."""

Handler = Callable[[int, FrameType | None], Any] | signal.Handlers

_inside = False
_until = 0.0


class Interrupted(BaseException):
    """A signal asked the worker to leave; not an Exception, so that nothing mistakes it for a failed trial."""


def leave_if_asked() -> tuple[()]:
    """Raise Interrupted after a signal, or when the process that started this one is gone."""
    if ALIVE in os.environ:
        with suppress(OSError):  # watching over it is not worth failing for
            Path(os.environ[ALIVE]).touch()
    if STOP.is_set() or orphaned():
        raise Interrupted
    return ()


def rest(seconds: float) -> None:
    """Do nothing for a while, unless asked to leave: then raise Interrupted."""
    until = time.monotonic() + seconds
    leave_if_asked()
    while (left := until - time.monotonic()) > 0:
        # Not STOP.wait: a handler that sets an event for which its own thread is waiting may wait for ever.
        time.sleep(min(left, 0.2))
        leave_if_asked()


def leave_before_long() -> None:
    """Raise Interrupted where a signal came more than GRACE seconds ago; cheap enough to be called after each step."""
    if STOP.is_set() and time.monotonic() > _until:
        raise Interrupted


def _handles() -> bool:
    """Python takes handlers in the main thread alone; a notebook or a program may be in another."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def handling(handle: Handler, *numbers: signal.Signals) -> Iterator[None]:
    """In this block `handle` gets these signals, where it can; afterwards who got them before does."""
    before = {number: signal.signal(number, handle) for number in numbers if _handles()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def terminated_like_interrupted() -> AbstractContextManager[None]:
    """SIGTERM ends this block as Ctrl-C does."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    return handling(handle, signal.SIGTERM)


@contextmanager
def signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the work at the next epoch, or within seconds; a second one leaves at once.

    An inner block adds nothing.
    """
    global _inside
    if _inside or not _handles():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        global _until
        if STOP.is_set():
            raise KeyboardInterrupt
        _until = time.monotonic() + GRACE
        STOP.set()

    STOP.clear()
    _inside = True
    try:
        with handling(handle, signal.SIGINT, signal.SIGTERM):
            yield
    finally:
        _inside = False


def orphaned() -> bool:
    """Whether this worker was started by a process that is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()

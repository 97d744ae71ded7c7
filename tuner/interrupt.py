"""Leaving tidily: a signal, or the end of the process that started this one, is looked at once an epoch."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from tuner.launch.local import orphaned

STOP = threading.Event()
"""Set by a signal; looked at once an epoch."""
ALIVE = "TUNER_ALIVE_FILE"
"""Environment variable: a file that is touched once an epoch, and while a worker waits, for whoever watches over it."""


_inside = False


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
    STOP.wait(seconds)
    leave_if_asked()


@contextmanager
def signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the work at the next epoch; a second one leaves at once. An inner block adds nothing."""
    global _inside
    if _inside or threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if STOP.is_set():
            raise KeyboardInterrupt
        STOP.set()

    STOP.clear()
    _inside = True
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        _inside = False
        for number, handler in before.items():
            signal.signal(number, handler)

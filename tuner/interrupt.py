"""Leaving tidily: a signal, or the end of the process that started this one, is looked at once an epoch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tuner.launch.local import orphaned

STOP = threading.Event()
"""Set by a signal; looked at once an epoch."""


class Interrupted(BaseException):
    """A signal asked the worker to leave; not an Exception, so that nothing mistakes it for a failed trial."""


def leave_if_asked() -> tuple[()]:
    """Raise Interrupted after a signal, or when the process that started this one is gone."""
    if STOP.is_set() or orphaned():
        raise Interrupted
    return ()


@contextmanager
def signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the work at the next epoch; a second one leaves at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if STOP.is_set():
            raise KeyboardInterrupt
        STOP.set()

    STOP.clear()
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

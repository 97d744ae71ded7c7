"""Signals: one way to take them over, and to give them back."""

import signal
import threading

import pytest

from tuner.system.interrupt import handling, terminated_like_interrupted


def test_handlers_are_given_back_whatever_ends_the_block():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminated_like_interrupted():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    heard = []
    with handling(lambda number, frame: heard.append(number), signal.SIGINT, signal.SIGTERM):
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGINT] and signal.getsignal(signal.SIGTERM) is before


def test_a_thread_takes_none():
    handlers = []

    def run():
        with terminated_like_interrupted():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [before]

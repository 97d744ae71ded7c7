"""A script as a process group of its own: started, watched, and stopped, politely first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tuner.errors import UserCodeError
from tuner.study.own_code import program

LAUNCHER = Path(__file__).with_name("_launch.py")


class Process:
    """A running script. Its output goes to a file, so that nothing is lost if this process dies."""

    def __init__(self, words: Sequence[str], directory: Path, env: Mapping[str, str], log: Path) -> None:
        """Start it. Raises UserCodeError where there is no such program or folder."""
        if not directory.is_dir():
            raise UserCodeError(f"the script's directory {directory} does not exist")
        if program(words[0], directory, env) is None:
            raise UserCodeError(f"there is no program {words[0]!r} (looked in {directory} and on the PATH)")
        # On Linux the script is told when this process dies, however it dies.
        first = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())] if sys.platform == "linux" else []
        try:
            with log.open("wb") as out:
                self._process = subprocess.Popen(
                    [*first, *words],
                    cwd=directory,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise UserCodeError(f"{words[0]} cannot be started: {error.strerror or error}") from None
        self._known: set[psutil.Process] = set()

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None where it still runs after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float) -> None:
        """Ask the script and all that it has started to end, and after `grace` seconds end them. Descendants count that
        are in sessions of their own, as torchrun's ranks are, and what a script leaves behind in its group."""
        known = self._descendants()
        if self._process.poll() is None:
            self._ask(known)
            until = time.monotonic() + grace
            while time.monotonic() < until and (self._process.poll() is None or any(map(_runs, known))):
                time.sleep(0.02)
                known |= self._descendants()
        known |= self._descendants()
        self._signal(signal.SIGKILL)
        for process in known:
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()
        psutil.wait_procs(list(known), timeout=1)

    def look(self) -> None:
        """Remember who the descendants are: once their parents are gone nothing tells that they were."""
        self._descendants()

    def _ask(self, known: set[psutil.Process]) -> None:
        """The group hears it from the system; whoever left it by itself."""
        self._signal(signal.SIGTERM)
        for process in known:
            with suppress(psutil.Error, OSError):
                if os.getpgid(process.pid) != self._process.pid:
                    process.terminate()

    def _descendants(self) -> set[psutil.Process]:
        with suppress(psutil.Error):
            self._known |= set(psutil.Process(self._process.pid).children(recursive=True))
        for process in list(self._known):
            with suppress(psutil.Error):
                self._known |= set(process.children(recursive=True))
        self._known = {process for process in self._known if _runs(process)}
        return set(self._known)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _runs(process: psutil.Process) -> bool:
    """Whether it is the process that it was, and no zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"

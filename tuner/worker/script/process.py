"""A script as a process group of its own: started, watched, and stopped, politely first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

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

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None where it still runs after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float) -> None:
        """Ask the whole group to end, and after `grace` seconds end it. What a script leaves behind ends too."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            self.wait(grace)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"

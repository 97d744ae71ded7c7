"""Wall time, CPU time and peak memory of a command with all processes that it starts, daemons included. Linux only."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Used:
    """What a command used."""

    began: float
    """seconds since the epoch"""
    seconds: float
    cpu_seconds: float
    peak_mib: float
    """largest sum, over its processes, of their share of the memory in use (PSS), looked at twice a second"""


def measure(command: Sequence[str], log: Path) -> Used:
    """Run a command to its end, its output into `log`. Raises CalledProcessError where it fails.

    Orphans of the command become children of this process, so that their CPU time is counted too; those that are
    still there when the command has ended are ended.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, began = _cpu_of_children(), time.time()
    watch = Watch()
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        watch.start()
        process.wait()
    seconds = time.time() - began
    watch.stop()
    _reap()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, log.read_text()[-2000:])
    # A daemon that ignores its children's end makes the system forget their CPU time; Ray's does.
    return Used(began, seconds, max(_cpu_of_children() - before, watch.cpu_seconds), watch.peak_mib)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch(threading.Thread):
    """Looks at all processes below this one twice a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._cpu: dict[int, float] = {}

    def run(self) -> None:
        while not self._over.wait(0.5):
            below = descendants()
            self.peak_mib = max(self.peak_mib, sum(_memory_mib(pid) for pid in below))
            self._cpu |= {pid: _cpu_seconds(pid) or self._cpu.get(pid, 0.0) for pid in below}

    def stop(self) -> None:
        """Look no longer."""
        self._over.set()
        self.join()

    @property
    def cpu_seconds(self) -> float:
        """CPU time as it was last seen of each process, less than it was by what a process used after that."""
        return sum(self._cpu.values())


def _cpu_seconds(pid: int) -> float:
    """CPU time of one process without its children; 0 where it is gone."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def descendants() -> list[int]:
    """All processes below this one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _memory_mib(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _reap() -> None:
    """End and wait for what the command left behind."""
    deadline = time.monotonic() + 20
    while left := descendants():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline - 10 else signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > deadline:
            print(f"still running: {left}", file=sys.stderr)
            return
        time.sleep(0.2)

"""Workers as processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.study import Place

PARENT = "TUNER_PARENT_PID"
"""Tells a worker whose child it is: when that process is gone, it hands its trials back and leaves."""
STANDBY = "TUNER_STANDBY"
"""Tells a worker to wait for `go` on its standard input."""


@dataclass(slots=True)
class Process:
    """A worker process and the file with what it said."""

    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"no output in {self.log}"


def start(name: str, place: Place, count: int, device: str) -> list[Process]:
    """Start `count` workers for a study or validation: one a GPU, or single-threaded ones on the CPU.

    They load what they need and then stand by until `go`, so that the study can be made meanwhile.
    """
    logs = place.state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tuner", "worker", name, "--state", str(place.state)]
    started = []
    for i in range(count):
        env = {
            **os.environ,
            PARENT: str(os.getpid()),
            STANDBY: "1",
            # By environment, not by flag: a URL may hold a password, and flags are visible to everyone.
            "TUNER_STORAGE": place.storage,
            "TUNER_TRACKING_URI": place.tracking,
            "PYTHONUNBUFFERED": "1",
        }
        if device == "cpu":
            # Read when the libraries load, so too late from within.
            env |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        elif device == "cuda":
            env["CUDA_VISIBLE_DEVICES"] = _visible(i)
        log = logs / f"{name}-worker-{i}.log"
        with log.open("wb") as out:
            # A session of its own: Ctrl-C reaches the parent alone, which passes it on once.
            process = subprocess.Popen(
                [*command, "--device", device],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
        started.append(Process(process, log))
    return started


def go(processes: Sequence[Process]) -> None:
    """Let workers that stand by begin."""
    for p in processes:
        assert p.process.stdin is not None
        # One that has died already is found by whoever watches it.
        with suppress(BrokenPipeError):
            p.process.stdin.write(b"go\n")
            p.process.stdin.close()


def told_to_go() -> bool:
    """In a worker: wait until `go`; False where whoever started it has gone instead. At once where nobody did."""
    return STANDBY not in os.environ or sys.stdin.readline().strip() == "go"


def running(processes: Sequence[Process]) -> bool:
    """Whether any of them still runs."""
    return any(p.process.poll() is None for p in processes)


@contextmanager
def supervised(processes: Sequence[Process], stopping: Callable[[], None]) -> Iterator[None]:
    """Whatever ends the block ends the workers. Ctrl-C and SIGTERM let them hand their trials back first."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    except KeyboardInterrupt:
        stopping()
        stop(processes)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        kill(processes)


def stop(processes: Sequence[Process], patience: float = 30.0) -> None:
    """Ask workers to hand their trials back, then wait; after `patience` seconds they are killed."""
    for p in processes:
        if p.process.poll() is None:
            p.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + patience
    try:
        for p in processes:
            p.process.wait(max(0.0, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        kill(processes)


def kill(processes: Sequence[Process]) -> None:
    """End workers at once; their trials go back into the queue at the next start."""
    for p in processes:
        if p.process.poll() is None:
            p.process.kill()
    for p in processes:
        p.process.wait()
        if p.process.stdin is not None:
            p.process.stdin.close()


def discard(processes: Sequence[Process]) -> None:
    """End workers that never began, and leave no trace of them."""
    kill(processes)
    for p in processes:
        p.log.unlink(missing_ok=True)
        with suppress(OSError):
            p.log.parent.rmdir()  # unless other logs are there


def orphaned() -> bool:
    """Whether this worker was started by a process that is gone."""
    parent = os.environ.get(PARENT)
    return parent is not None and os.getppid() != int(parent)


def _visible(i: int) -> str:
    """The i-th of the GPUs that this process may use."""
    allowed = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    return allowed[i % len(allowed)] if allowed else str(i)

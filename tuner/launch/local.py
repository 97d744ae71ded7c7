"""Workers as processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tuner.study import Place

PARENT = "TUNER_PARENT_PID"
"""Tells a worker whose child it is: when that process is gone, it hands its trials back and leaves."""


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
    """Start `count` workers on a study or validation: one a GPU, or single-threaded ones on the CPU."""
    logs = place.state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tuner", "worker", name, "--state", str(place.state)]
    started = []
    for i in range(count):
        env = {
            **os.environ,
            PARENT: str(os.getpid()),
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
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
        started.append(Process(process, log))
    return started


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


def orphaned() -> bool:
    """Whether this worker was started by a process that is gone."""
    parent = os.environ.get(PARENT)
    return parent is not None and os.getppid() != int(parent)


def _visible(i: int) -> str:
    """The i-th of the GPUs that this process may use."""
    allowed = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    return allowed[i % len(allowed)] if allowed else str(i)

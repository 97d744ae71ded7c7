"""Workers as processes of this machine, forked from one that has loaded the libraries."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tuner.errors import RunError
from tuner.system import device as devices
from tuner.system.interrupt import handling, terminated_like_interrupted

if TYPE_CHECKING:
    from tuner.launch._base import Workers
    from tuner.system.place import Place

SETTINGS: dict[str, Any] = {}

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Read when the libraries load, so too late from within a worker."""


@dataclass(slots=True)
class Process:
    """A worker process and the file with what it said."""

    process: ForkServerProcess
    log: Path

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self.process.exitcode

    def last_words(self) -> str:
        """The last line of its log, without the word `error` that whoever shows it says already."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("error: ") if lines else f"no output in {self.log}"


def launch(workers: Workers, say: Callable[[str], None]) -> None:
    """Run workers to their end; Ctrl-C and SIGTERM let them hand their trials back first.

    Raises RunError where one failed; the others go on to the end all the same.
    """
    device = devices.resolve(workers.device)
    workers.check_study()
    workers.place.prepare()
    processes = start(workers.name, workers.place, workers.count or devices.default_workers(device), device)
    say(f"{len(processes)} workers; their logs: {processes[0].log.parent}")
    with supervised(processes, lambda: say("stopping: running trials go back into the queue")):
        while running(processes):
            time.sleep(0.5)
    for p in processes:
        if p.exit_code:
            raise RunError(f"{p.last_words()} (worker log: {p.log})")


def warm(device: str) -> None:
    """Begin to load what workers need, without waiting for it, so that the study can be made meanwhile.

    Loading torch, Optuna and MLflow takes seconds of CPU time; one process, the fork server, does it for all of them.
    """
    _forkserver()
    with _environment(ONE_THREAD if device == "cpu" else {}), _deaf():
        forkserver.ensure_running()


def start(name: str | None, place: Place, count: int, device: str) -> list[Process]:
    """Start `count` workers for a study or validation, None for whatever is queued: one a GPU, or single-threaded ones
    on the CPU.
    """
    logs = place.state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = ["worker", *([name] if name else []), "--state", str(place.state), "--device", device]
    warm(device)
    started: list[Process] = []
    try:
        for i in range(count):
            env = place.environment()
            if device == "cuda":
                env["CUDA_VISIBLE_DEVICES"] = devices.visible(i)
            log = logs / f"{name or 'any'}-worker-{i}.log"
            log.write_bytes(b"")
            process = _forkserver().Process(target=_worker, args=(command, env, log))
            with _no_main_module():
                process.start()
            started.append(Process(process, log))
    except BaseException:
        kill(started)
        raise
    return started


def call(function: Callable[..., Any], *args: Any) -> Any:
    """What `function(*args)` returns, in a process of its own; its standard output goes to standard error.

    function: of a module's top level; args and result: plain data. Raises RunError where the process dies of it.
    """
    theirs, ours = multiprocessing.Pipe(duplex=False)[::-1]
    process = _forkserver().Process(target=_call, args=(theirs, function, args))
    with _no_main_module(), _deaf():
        process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        process.join()
        raise RunError(f"the process that was to run it ended with exit code {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        ours.close()


def _call(answer: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    os.dup2(2, 1)
    answer.send(function(*args))


def _forkserver() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tuner.run._preload"])
    return context


def _worker(command: list[str], env: dict[str, str], log: Path) -> None:
    """What a worker process runs: the verb `worker`."""
    os.setsid()  # Ctrl-C reaches the parent alone, which passes it on once
    # The fork server ignores SIGINT; Python's own handling is what a verb expects.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(env)
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    # A process boundary like that of SLURM and Kubernetes: the package is run, not imported.
    sys.argv = ["tuner", *command]
    runpy.run_module("tuner", run_name="__main__", alter_sys=True)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables that a process started in this block gets and this one does not keep."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


@contextmanager
def _deaf() -> Iterator[None]:
    """A fork server that is started in this block ignores Ctrl-C from its first moment.

    The terminal sends it to every process; multiprocessing's own handling comes after the preloading, which takes
    seconds and would end in a traceback.
    """
    with handling(signal.SIG_IGN, signal.SIGINT):
        yield


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep multiprocessing from running the caller's main script, or notebook, again in each worker."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def running(processes: Sequence[Process]) -> bool:
    """Whether any of them still runs."""
    return any(p.exit_code is None for p in processes)


@contextmanager
def supervised(processes: Sequence[Process], stopping: Callable[[], None]) -> Iterator[None]:
    """Whatever ends the block ends the workers. Ctrl-C and SIGTERM let them hand their trials back first."""
    try:
        with terminated_like_interrupted():
            try:
                yield
            except KeyboardInterrupt:
                stopping()
                stop(processes)
                raise
    finally:
        kill(processes)


def stop(processes: Sequence[Process], patience: float = 30.0) -> None:
    """Ask workers to hand their trials back, then wait; after `patience` seconds they are killed."""
    for p in processes:
        p.process.terminate()
    deadline = time.monotonic() + patience
    try:
        for p in processes:
            p.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        kill(processes)


def kill(processes: Sequence[Process]) -> None:
    """End workers at once; their trials go back into the queue at the next start."""
    for p in processes:
        p.process.kill()
    for p in processes:
        p.process.join()

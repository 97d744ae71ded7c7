"""The MLflow UI, on 127.0.0.1 alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from tuner import view
from tuner.errors import InputError, RunError
from tuner.study import Place, open_study

HOST = "127.0.0.1"


def serve(place: Place, port: int, name: str, say: Callable[[str], None]) -> int:
    """Run the server until it is interrupted; returns its exit code. `name`: the study on which the link opens."""
    study = open_study(place, name)
    if place.tracking.startswith(("http://", "https://")):
        say(f"{name}: {view.link(place.tracking.rstrip('/'), study.runs['experiment_id'])}")
        return 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"port {port} on {HOST} cannot be used ({error.strerror}); try --port {port + 1}"
            ) from None
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", place.tracking, "--default-artifact-root", (place.state / "artifacts").as_uri()]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = place.state / "logs" / "ui.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"starting the MLflow UI (log: {log})")
    with _interruptible() as arm:
        with log.open("wb") as output:
            server = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            arm(True)
            _wait(server, f"http://{HOST}:{port}/health", log.name)
            say(f"{name}: {view.link(f'http://{HOST}:{port}', study.runs['experiment_id'])}")
            say("Ctrl-C ends it")
            return server.wait()
        finally:
            arm(False)
            _end(server)


def _end(server: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """End the server and the processes that it has started, which outlive it when it is still starting."""
    deadline = time.monotonic() + patience
    number = signal.SIGTERM
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline + 1.0:  # or until the group is empty
            os.killpg(server.pid, number)
            server.poll()
            time.sleep(0.1)
            number = signal.SIGKILL if time.monotonic() > deadline else signal.SIGTERM
    server.wait()


@contextmanager
def _interruptible() -> Iterator[Callable[[bool], None]]:
    """SIGTERM ends like Ctrl-C, both only while armed: while the server is being started it would be left behind."""
    armed = asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        if armed:
            raise KeyboardInterrupt

    def arm(now: bool) -> None:
        nonlocal armed
        armed = now
        if armed and asked:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arm
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(server: subprocess.Popen[bytes], url: str, log: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RunError(f"the MLflow server ended with code {server.returncode}; see {log}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise RunError(f"the MLflow server did not answer within {seconds:.0f} s; see {log}")

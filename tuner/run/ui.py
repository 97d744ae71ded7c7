"""The MLflow server, with its UI: on 127.0.0.1 alone, or elsewhere with a password."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from tuner.errors import InputError, RunError
from tuner.study.find import validations
from tuner.study.study import Study, open_study
from tuner.study.summary import summarise
from tuner.system.address import HOST, check_port, is_local
from tuner.system.interrupt import handling
from tuner.system.masking import masked
from tuner.system.place import Place, sqlite_url
from tuner.tracking import links, ui_app
from tuner.tracking.client import Tracker

USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
"""What MLflow's own clients log in with; the server takes the same."""
SHORTEST = 12
"""Characters of a password; MLflow's own rule."""


def serve(
    place: Place,
    port: int,
    name: str | None,
    say: Callable[[str], None],
    *,
    host: str = HOST,
    allowed_hosts: Sequence[str] = (),
    browse: bool = False,
) -> int:
    """Run the server until it is interrupted; returns its exit code.

    name: the study on which the links open, None where there is none yet. host: where it listens; anything but this
    machine's own address needs `allowed_hosts`, the names under which it is reached, and a password in the environment
    variable MLFLOW_TRACKING_PASSWORD. browse: open the first link in the web browser. Raises InputError where they are
    missing or the port is taken.
    """
    study = open_study(place, name) if name else None
    if place.tracking.startswith(("http://", "https://")):
        base = masked(place.tracking.rstrip("/"))
        _tell(base, study, say, browse)
        return 0
    if not is_local(host):
        _check_protection(host, allowed_hosts)
    check_port(host, port)
    if (place.state / "mlflow.db").exists() or not place.embeds_tracking:
        Tracker(place.tracking, place.state)  # which corrects the places of artifacts where the folder was moved
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    # Local studies write their artifacts themselves; clients of this server have it write them to the same place.
    command += ["--default-artifact-root", "mlflow-artifacts:/"]
    command += ["--artifacts-destination", (place.state / "artifacts").as_uri()]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    # By environment, not by flag: a URL may hold a password, and flags are visible to everyone.
    env["MLFLOW_BACKEND_STORE_URI"] = place.tracking
    log = place.state / "logs" / "ui.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"starting the MLflow UI (log: {log})")
    with ExitStack() as stack:
        if allowed_hosts:
            command += ["--allowed-hosts", ",".join(_with_port(allowed_hosts, port))]
            origins = [f"{scheme}://{name}" for name in _with_port(allowed_hosts, port) for scheme in ("http", "https")]
            command += ["--cors-allowed-origins", ",".join(origins)]
        if not is_local(host):
            command += ["--app-name", "basic-auth"]
            env |= _login(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tuner-ui-"))))
        else:
            command += ui_app.flags()
        arm = stack.enter_context(_interruptible())
        with log.open("wb") as output:
            server = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            arm(True)
            here = HOST if host in ("0.0.0.0", "::") else host
            _wait(server, f"http://{_bracketed(here)}:{port}/health", log.name)
            shown = allowed_hosts[0].partition(":")[0] if allowed_hosts else here
            base = f"http://{_bracketed(shown)}:{port}"
            _tell(base, study, say, browse)
            say("Ctrl-C ends it")
            return server.wait()
        finally:
            arm(False)
            _end(server)


def _tell(base: str, study: Study | None, say: Callable[[str], None], browse: bool) -> None:
    """Where to look: the study's own view first, then its other pages and the reports of validations."""
    pages = links.pages(base, study.runs, summarise(study)) if study else {}
    opened = pages.pop("runs", base)
    say(f"{study.name}: {opened}" if study else base)
    for words, address in pages.items():
        say(f"  {words}: {address}")
    for name, ids in validations(study.store) if study else ():
        say(f"{name}: {links.report(base, ids)}")
    if browse:
        webbrowser.open(opened)


def _check_protection(host: str, allowed_hosts: Sequence[str]) -> None:
    missing = []
    if not allowed_hosts or "*" in allowed_hosts:
        missing.append("--allowed-hosts, the names under which it is reached (tuner.example.org,10.0.0.5)")
    if len(os.environ.get(PASSWORD, "")) < SHORTEST:
        missing.append(f"a password of at least {SHORTEST} characters in the environment variable {PASSWORD}")
    if missing:
        raise InputError(f"a server on {host} is open to other machines; it needs " + " and ".join(missing))
    if find_spec("flask_wtf") is None:
        raise InputError("a password needs a package that is not installed: pip install 'loss-weight-tuner[auth]'")


def _login(folder: Path) -> dict[str, str]:
    """Settings of MLflow's basic auth: one user, who may do everything. Nothing of it outlives the server.

    folder: for the users' database.
    """
    config = folder / "basic_auth.ini"
    users = sqlite_url(folder / "users.db").replace("%", "%%")  # an .ini file fills in what follows a single %
    config.write_text(f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = {users}\n")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": os.environ.get(USER) or "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": os.environ[PASSWORD],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def _with_port(names: Sequence[str], port: int) -> list[str]:
    """The hosts as a browser names them, and this machine itself."""
    every = [*names, "localhost", HOST]
    return list(dict.fromkeys(form for name in every for form in ([name] if ":" in name else [name, f"{name}:{port}"])))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


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

    with handling(handle, signal.SIGINT, signal.SIGTERM):
        yield arm


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

"""The MLflow UI: on 127.0.0.1 alone, opened on the study's own view, gone when it is ended."""

import base64
import http.server
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tuner import ui
from tuner.errors import InputError, RunError
from tuner.study import Place, open_study

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_line(process, pattern, seconds=90):
    """Read what a process says until a line matches."""
    said, deadline = "", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.5)[0]:
            chunk = os.read(process.stdout.fileno(), 65536).decode()
            assert chunk, f"it ended: {said}"
            said += chunk
        found = re.search(pattern, said)
        if found:
            return found
    raise AssertionError(f"no {pattern!r} in {said!r}")


def listening(port):
    """Local addresses in hexadecimal on which something listens on a port."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            address, _, number = local.rpartition(":")
            if state == "0A" and int(number, 16) == port:
                found.append(address)
    return found


def of_port(port):
    """Processes whose command line names the port."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--port" in words and str(port).encode() in words:
            found.append(int(path.parent.name))
    return found


def gone(port, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not of_port(port) and not listening(port):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def copy(finished_study, tmp_path_factory):
    """A copy of the finished study's state: the server writes its log and its journal there."""
    state = tmp_path_factory.mktemp("ui") / "state"
    shutil.copytree(finished_study.state, state)
    return state


@pytest.fixture
def serve(cli_environment, copy):
    started = []

    def start(port):
        command = [sys.executable, "-m", "tuner", "ui", "--port", str(port), "--state", str(copy)]
        process = subprocess.Popen(command, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append((process, port))
        return process

    yield start
    for process, port in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
        for pid in of_port(port):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def served(cli_environment, copy):
    """One server for all: (process, port, link)."""
    port = free_port()
    command = [sys.executable, "-m", "tuner", "ui", "--port", str(port), "--state", str(copy)]
    process = subprocess.Popen(command, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        link = wait_for_line(process, r"tiny: (http://\S+)").group(1)
        yield process, port, link
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        for pid in of_port(port):
            os.kill(pid, signal.SIGKILL)


def test_link_opens_the_study_s_own_view(served, copy):
    _, port, link = served
    experiment = open_study(Place.at(copy), "tiny").runs["experiment_id"]
    parts = urlsplit(link)
    assert parts.netloc == f"127.0.0.1:{port}"
    assert parts.fragment.startswith(f"/experiments/{experiment}/runs?")
    assert "workflowType=machine_learning" in parts.fragment
    assert "viewStateShareKey=study" in parts.fragment


def test_it_answers_and_listens_on_this_machine_alone(served):
    _, port, _ = served
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
        assert answer.status == 200
    if Path("/proc/net/tcp").exists():
        assert set(listening(port)) == {"0100007F"}


def test_port_in_use_is_refused(served, cli, copy):
    _, port, _ = served
    done = cli("ui", "--port", port, "--state", copy)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr and f"--port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: the page itself cannot be looked at")
def test_page_shows_the_knobs_and_the_runs(served, tmp_path, finished_study):
    """In a real browser: the columns that were preset, and the runs by their names."""
    link = served[2]
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--no-first-run", "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}"]
    command += ["--window-size=2400,1200", "--virtual-time-budget=30000", "--dump-dom", link]
    page = ""
    for _ in range(2):  # a machine under load may not finish the page in its first budget
        page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
        if "encoder_loss_weight" in page:
            break
    for knob in ("encoder_loss_weight", "reconstruction_loss", "gate_reg_weight"):
        assert knob in page
    assert "best/weighted_f1" in page
    assert "(baseline)" in page and "(basic)" in page
    assert "smooth_l1" in page


def test_interrupt_ends_the_server_too(served):
    """The last to use the shared server."""
    process, port, _ = served
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert b"Traceback" not in error
    assert gone(port)


def test_termination_leaves_no_server_behind(serve):
    port = free_port()
    process = serve(port)
    wait_for_line(process, "starting the MLflow UI")
    deadline = time.monotonic() + 30
    while len(of_port(port)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(of_port(port)) >= 2  # ours and the server's
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert gone(port)


def test_tracking_server_elsewhere_is_only_linked(make_study, monkeypatch):
    """Where there is a tracking server already, none is started."""
    study = make_study()
    monkeypatch.setattr(ui.subprocess, "Popen", lambda *args, **kwargs: pytest.fail("a server was started"))
    place = Place(study.place.state, study.place.storage, "http://127.0.0.1:5999/")
    said = []
    assert ui.serve(place, 5000, "tiny", said.append) == 0
    assert said[0].startswith("tiny: http://127.0.0.1:5999/#/experiments/")


@pytest.mark.parametrize(
    ("password", "hosts", "missing"),
    [
        ("", [], ["--allowed-hosts", "MLFLOW_TRACKING_PASSWORD"]),
        ("", ["tuner.test"], ["MLFLOW_TRACKING_PASSWORD"]),
        ("too-short", ["tuner.test"], ["at least 12 characters"]),
        ("long-enough-for-it", [], ["--allowed-hosts"]),
        ("long-enough-for-it", ["*"], ["--allowed-hosts"]),
    ],
)
def test_a_server_for_others_wants_protection(make_study, monkeypatch, password, hosts, missing):
    study = make_study()
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    monkeypatch.setattr(ui.subprocess, "Popen", lambda *args, **kwargs: pytest.fail("a server was started"))
    for host in ("0.0.0.0", "10.1.2.3", "tuner.test"):
        with pytest.raises(InputError, match="open to other machines") as caught:
            ui.serve(study.place, free_port(), "tiny", lambda text: None, host=host, allowed_hosts=hosts)
        assert all(part in str(caught.value) for part in missing)
        if password:
            assert password not in str(caught.value)


PROTECTED = """
import sys
import tuner.listen, tuner.ui
from tuner.__main__ import main
tuner.ui.is_local = tuner.listen.is_local = lambda host: False  # to listen on 127.0.0.1 as if others could reach it
sys.argv = ["tuner", "ui", *sys.argv[1:]]
main()
"""


def test_a_protected_server_wants_the_password_and_a_known_name(cli_environment, copy):
    port, password = free_port(), "s3cret-s3cret-s3cret"
    command = [sys.executable, "-c", PROTECTED, "--port", str(port), "--state", str(copy)]
    command += ["--allowed-hosts", "tuner.test"]
    process = subprocess.Popen(
        command,
        env=cli_environment() | {"MLFLOW_TRACKING_PASSWORD": password},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def status(user=None, host=None, origin=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search", method="POST")
        request.data = b'{"max_results": 5}'
        request.add_header("Content-Type", "application/json")
        for name, value in (("Host", host), ("Origin", origin)):
            if value:
                request.add_header(name, value)
        if user:
            request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    try:
        link = wait_for_line(process, r"tiny: (http://\S+)").group(1)
        assert urlsplit(link).netloc == f"tuner.test:{port}"
        mine = f"admin:{password}"
        assert status() == 401
        assert status("admin:wrong-wrong-wrong") == 401
        assert status(mine) == 200
        assert status(mine, host=f"tuner.test:{port}", origin=f"http://tuner.test:{port}") == 200
        assert status(mine, host="evil.test") == 403
        assert status(mine, origin="http://evil.test") == 403
        for pid in of_port(port):  # the password is not for everyone who can list processes
            assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    finally:
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert password.encode() not in output + error
    assert all(password.encode() not in p.read_bytes() for p in copy.rglob("*") if p.is_file())
    assert gone(port)


def test_server_that_cannot_start_is_a_message(make_study, monkeypatch):
    study = make_study()
    monkeypatch.setattr(ui.sys, "executable", "/bin/false")
    with pytest.raises(RunError, match=r"ended with code 1; see .*ui\.log"):
        ui.serve(study.place, free_port(), "tiny", lambda text: None)


def test_port_held_by_another_program(make_study):
    study = make_study()
    other = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    try:
        with pytest.raises(InputError, match="cannot be used"):
            ui.serve(study.place, other.server_port, "tiny", lambda text: None)
    finally:
        other.server_close()

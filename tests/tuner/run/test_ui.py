"""The MLflow UI: on 127.0.0.1 alone, opened on the study's own view, gone when it is ended."""

import base64
import http.server
import os
import re
import selectors
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

from tuner.errors import InputError, RunError
from tuner.run import ui
from tuner.study.study import open_study
from tuner.system.place import Place
from tuner.tracking import ui_app


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def readable(source, seconds):
    """Whether there is something to read; unlike select.select, also where the descriptor is a large number."""
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def wait_for_line(process, pattern, seconds=240):
    """Read what a process says until a line matches."""
    said, deadline = "", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if readable(process.stdout, 0.5):
            chunk = os.read(process.stdout.fileno(), 65536).decode()
            assert chunk, f"it ended: {said}"
            said += chunk
        found = re.search(pattern, said)
        if found:
            wait_for_line.said[process.pid] = said
            return found
    raise AssertionError(f"no {pattern!r} in {said!r}")


wait_for_line.said = {}


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


def gone(port, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not of_port(port) and not listening(port):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def copy(finished_study, tmp_path_factory, cli):
    """A copy of the finished study's state, since the server writes there, with a validation."""
    state = tmp_path_factory.mktemp("ui") / "state"
    shutil.copytree(finished_study.state, state)
    arms = ("--baseline", "baseline", "--candidate", "basic", "--seeds", 6, "--epochs", 2)
    done = cli("validate", finished_study.file, *arms, "--state", state, "--device", "cpu")
    assert done.returncode == 0, done.stderr
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
        link = wait_for_line(process, r"tiny: (http://\S+)[\s\S]*Ctrl-C").group(1)
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
    experiment = open_study(Place.at(copy), "tiny").runs.experiment_id
    parts = urlsplit(link)
    assert parts.netloc == f"127.0.0.1:{port}"
    assert parts.fragment.startswith(f"/experiments/{experiment}/runs?")
    assert "workflowType=machine_learning" in parts.fragment
    assert "viewStateShareKey=study" in parts.fragment


def test_it_answers_and_listens_on_this_machine_alone(served):
    _, port, _ = served
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
        assert answer.status == 200
    if Path("/proc/net/tcp").exists():
        assert set(listening(port)) == {"0100007F"}


def test_port_in_use_is_refused(served, cli, copy):
    _, port, _ = served
    done = cli("ui", "--port", port, "--state", copy)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr and f"--port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


def ends_here(requests):
    """Whether every request stayed on this machine; `blob:` and `data:` are parts of the page itself."""
    hosts = {urlsplit(url.removeprefix("blob:")).hostname for url in requests if not url.startswith("data:")}
    return hosts == {"127.0.0.1"}


@pytest.fixture(scope="module")
def pages(served):
    """What `tuner ui` says about where to look: words to link."""
    process, _, link = served
    said = dict(re.findall(r"^ *([^:\n]+): (http\S+)$", wait_for_line.said[process.pid], re.MULTILINE))
    return {"runs": link, **said}


def test_run_table_has_the_knobs_and_the_runs(browser, pages):
    """In a real browser: the model-training page with the study's columns, and the runs by their names."""
    seen = browser.look(pages["runs"], "COMPLETE", "(baseline)", "(basic)", "tiny (study)", "smooth_l1")
    assert ends_here(seen.requests), seen.requests
    assert "of them stopped early" in seen.text  # the first line of the note
    left = "element.getBoundingClientRect().left"
    columns = f"[...document.querySelectorAll('.ag-header-cell')].map(element => [{left}, element.innerText])"
    script = f"{columns}.sort((a, b) => a[0] - b[0]).map(pair => pair[1]).join(' ')"
    wanted = ["state", "best/weighted_f1", "test/weighted_f1", "epochs", "encoder_loss_weight", "gate_reg_weight"]
    shown = browser.look(pages["runs"], *wanted, script=script).text
    assert [name for name in shown.split() if name in wanted] == wanted


def test_nothing_opens_over_the_study_s_columns(browser, pages):
    """MLflow opens its assistant on a first visit; its note that it has done so is there before the page begins."""
    shown = "document.body.innerText + JSON.stringify({...localStorage})"
    seen = browser.look(pages["runs"], "(baseline)", ui_app.NOTE, script=shown)
    panel = re.search(r'"mlflow\.assistant\.panelOpen_v1":"?(\w+)', seen.text)
    assert panel is None or panel.group(1) == "false", panel.group(0)


def test_charts_are_grouped_and_single_numbers_folded(browser, pages):
    seen = browser.look(pages["curves"], "knobs (1)", "objective (", "val (6)", "train (6)", "val/cross_entropy")
    assert ends_here(seen.requests)
    # Folded from the start: a section that is open has more than its title.
    assert "convergence (" in seen.text and "study (" in seen.text
    assert "convergence/area" not in seen.text and "study/epochs_run" not in seen.text


def test_story_shows_the_note_with_its_plots(browser, pages, finished_study):
    value = f"{finished_study.summary['best']['value']:.4f}"
    seen = browser.look(pages["story"], "of them stopped early", "Best against baseline and plans", value)
    assert ends_here(seen.requests)
    assert any("get-artifact?path=plots%2Fhistory.png" in url for url in seen.requests)
    drawn = "[...document.images].filter(i => i.src.includes('plots%2Fhistory')).map(i => i.naturalWidth > 300).join()"
    browser.look(pages["story"], "true", script=drawn)


def test_compare_page_has_best_baseline_and_plans(browser, pages):
    address = pages["best against baseline and plans"]
    seen = browser.look(address, "Comparing", "(baseline)", "(basic)", "(full)", "(advanced)")
    assert ends_here(seen.requests)


def test_report_of_the_study_is_previewed(browser, pages):
    frames = "document.body.innerText + document.querySelectorAll('iframe').length + ' frames'"
    seen = browser.look(pages["report"], "report.html", "1 frames", script=frames)
    assert ends_here(seen.requests)


def test_report_of_the_validation_is_the_first_artifact(browser, pages):
    (name,) = [words for words in pages if words.startswith("validate-")]
    frames = "document.body.innerText + document.querySelectorAll('iframe').length + ' frames'"
    seen = browser.look(pages[name], "result.json", "1 frames", script=frames)
    assert ends_here(seen.requests)
    assert re.findall(r"[\w-]+\.(?:html|json|md)", seen.text)[0] == "report.html"


def test_interrupt_ends_the_server_too(served):
    """The last to use the shared server."""
    process, port, _ = served
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert b"Traceback" not in error
    assert gone(port)


def test_termination_leaves_no_server_behind(serve):
    port = free_port()
    process = serve(port)
    wait_for_line(process, "starting the MLflow UI")
    deadline = time.monotonic() + 120
    while len(of_port(port)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(of_port(port)) >= 2  # ours and the server's
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=120)
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
import tuner.run.ui, tuner.system.address
from tuner.__main__ import main
tuner.run.ui.is_local = tuner.system.address.is_local = lambda host: False  # as if others could reach 127.0.0.1
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
            with urllib.request.urlopen(request, timeout=60) as answer:
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
        output, error = process.communicate(timeout=120)
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

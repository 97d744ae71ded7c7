"""optuna-dashboard on our storage: it opens it as it stands, and what we write for it is what it reads."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import optuna
import pytest

from tuner.storage.record import TrialResult
from tuner.study.study import open_study
from tuner.system.place import Place
from tuner.tracking import dashboard

optuna_dashboard = pytest.importorskip("optuna_dashboard", reason="needs optuna-dashboard: pip install '.[test]'")


@pytest.mark.parametrize("text", ["", "short", "long " * 1000, "**über**, 损失 " * 300])
def test_notes_are_read_as_they_were_written(text):
    study = optuna.create_study()
    for before in ("", "x" * 9000, text):
        dashboard.write_note(study, before)
        assert optuna_dashboard.get_note(study) == before
    dashboard.write_note(study, text)
    assert optuna_dashboard.get_note(study) == text


def test_a_record_becomes_columns():
    result = TrialResult(3, 0, test={"test/a": 0.5, "test/weighted_f1": 0.7})
    assert result.columns() == {"epochs": 3, "test/weighted_f1": 0.7}
    result = TrialResult(3, reason="diverged at epoch 2", test={"test/mse": 0.5})
    assert result.columns() == {"epochs": 3, "reason": "diverged at epoch 2", "test/mse": 0.5}
    assert TrialResult(reason="crashed").columns() == {"reason": "crashed"}


@pytest.fixture(scope="module")
def served(finished_study):
    """`optuna-dashboard sqlite:///mlruns/optuna.db` in a process of its own: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import sys; from optuna_dashboard._cli import main; sys.argv[0] = 'optuna-dashboard'; main()"
    url = Place.at(finished_study.state).storage
    # Its own server: gunicorn, which comes with MLflow, would leave a socket in the home folder.
    command = [sys.executable, "-c", code, url, "--port", str(port), "--server", "wsgiref"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/api/studies", timeout=30).close()
                break
            except OSError:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def read(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.load(answer)


def test_it_shows_names_scores_and_the_story(served, finished_study):
    (study,) = read(f"{served}/api/studies")["study_summaries"]
    assert study["study_name"] == "tiny"
    found = read(f"{served}/api/studies/{study['study_id']}")
    assert found["objective_names"] == ["val/weighted_f1"]
    best = finished_study.summary["best"]
    assert f"{best['value']:.4f}" in found["note"]["body"] and "## Next" in found["note"]["body"]
    assert "#/experiments" not in found["note"]["body"]  # pages of MLflow
    attrs = {t["number"]: {a["key"]: a["value"] for a in t["user_attrs"]} for t in found["trials"]}
    assert attrs[0]["name"].startswith("#0 w=0.05 mse") and attrs[0]["name"].endswith("(baseline)")
    assert attrs[0]["epochs"] == "4"
    assert float(attrs[best["number"]]["test/weighted_f1"]) == best["test"]["test/weighted_f1"]
    sortable = {a["key"] for a in found["union_user_attrs"] if a["sortable"]}
    assert {"epochs", "test/weighted_f1"} <= sortable


def test_its_page_is_ours_to_look_at(served, finished_study, browser):
    study = open_study(Place.at(finished_study.state), "tiny").optuna
    seen = browser.look(f"{served}/dashboard/studies/{study._study_id}/trials?numbers=0", "#0 w=0.05 mse")
    assert all("127.0.0.1" in url or url.startswith(("data:", "blob:")) for url in seen.requests)

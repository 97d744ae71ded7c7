"""Optuna's proxy in front of a real PostgreSQL: claims stay exclusive, and workers ride out its restart."""

import signal
import socket
import subprocess
import sys
import threading

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from tuner.errors import InputError
from tuner.storage import lease, opening, proxy, proxy_server
from tuner.storage.record import TrialRecord
from tuner.system import waiting


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """`tuner proxy`, which can be ended and started again at the same address."""

    def __init__(self, url, environment):
        self.url, self.environment, self.port = url, environment, free_port()
        self.process = None

    def __enter__(self):
        command = [sys.executable, "-m", "tuner", "proxy", "--port", str(self.port)]
        env = self.environment | {"TUNER_STORAGE": self.url}
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stdout.readline()
        assert self.said.startswith("proxy for postgresql"), self.process.communicate()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.output, self.error = self.process.communicate(timeout=30)

    @property
    def address(self):
        return f"grpc://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def served(postgres, cli_environment):
    url = postgres.database().replace("postgres:@", "postgres:s3cret@")
    with Proxy(url, cli_environment()) as running:
        yield running
    assert running.process.returncode == 130
    assert "s3cret" not in running.said + running.output + running.error
    assert "Traceback" not in running.error


def test_claims_through_it_are_exclusive(served):
    study = optuna.create_study(study_name="s", storage=opening.open_storage(served.address), direction="maximize")
    opening.enqueue(study, 30, [({"x": 0.5}, TrialRecord(plan="baseline", overrides={"weighting": "dwa"}))])
    claimed, errors = [], []

    def work():
        try:
            own = optuna.load_study(study_name="s", storage=opening.open_storage(served.address))
            while (trial := lease.claim(own, 30, lambda number: RandomSampler(seed=number))) is not None:
                x = trial.suggest_float("x", 0, 1)
                trial.report(x, 1)
                trial.set_user_attr("result", {"epochs": 1})
                own.tell(trial, x)
                claimed.append(trial.number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors
    assert sorted(claimed) == list(range(30))
    direct = optuna.load_study(study_name="s", storage=opening.open_storage(served.url))
    there = direct.get_trials()
    assert [t.state for t in there] == [TrialState.COMPLETE] * 30
    assert there[0].params == {"x": 0.5} and there[0].user_attrs["overrides"] == {"weighting": "dwa"}


def test_a_restart_is_ridden_out(postgres, cli_environment, monkeypatch, capfd):
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.5)
    running = Proxy(postgres.database(), cli_environment())
    with running:
        study = optuna.create_study(study_name="s", storage=opening.open_storage(running.address))
        opening.enqueue(study, 2, [])
        trial = lease.claim(study, 2, lambda number: RandomSampler(seed=number))
    again = threading.Timer(1.0, running.__enter__)
    again.start()
    trial.report(0.5, 1)  # nobody answers yet
    study.tell(trial, 0.5)
    again.join()
    running.__exit__()
    said = capfd.readouterr().err
    assert "no connection to the proxy; waiting" in said and "is back" in said
    there = optuna.load_study(study_name="s", storage=opening.open_storage(running.url)).get_trials()
    assert [t.state.name for t in there] == ["COMPLETE", "WAITING"]
    assert there[0].intermediate_values == {1: 0.5}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("grpc://host", ("host", 13000)),
        ("grpc://127.0.0.1:4000", ("127.0.0.1", 4000)),
        ("grpc://[::1]:4000/", ("[::1]", 4000)),
    ],
)
def test_addresses(url, found):
    assert proxy.address(url) == found


@pytest.mark.parametrize(
    "url", ["grpc://", "grpc://host:0", "grpc://host:99999", "grpc://me:s3cret@host:1", "grpc://h/x"]
)
def test_what_is_no_address(url):
    with pytest.raises(InputError, match="grpc://HOST:PORT") as caught:
        opening.open_storage(url)
    assert "s3cret" not in str(caught.value)


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(proxy, "PATIENCE", 0.2)
    with pytest.raises(InputError, match="does not answer; start the proxy"):
        opening.open_storage(f"grpc://127.0.0.1:{free_port()}")


def test_sqlite_and_other_proxies_are_refused(tmp_path, cli):
    for url in (f"sqlite:///{tmp_path}/x.db", "grpc://127.0.0.1:4000"):
        with pytest.raises(InputError, match="needs a database server"):
            proxy_server.serve(url, "127.0.0.1", free_port(), print)
    assert list(tmp_path.iterdir()) == []
    refused = cli("proxy", "--host", "0.0.0.0", "--storage", "postgresql+psycopg://me:s3cret@db/optuna")
    assert refused.returncode == 2
    assert "--trusted-network" in refused.stderr and "s3cret" not in refused.stderr


def test_a_port_in_use_is_refused(served):
    with pytest.raises(InputError, match=f"--port {served.port + 1}"):
        proxy_server.serve(served.url, "127.0.0.1", served.port, print)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(InputError, match=r"pip install 'loss-weight-tuner\[proxy\]'"):
        opening.open_storage("grpc://127.0.0.1:4000")

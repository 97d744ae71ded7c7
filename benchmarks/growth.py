"""How bookkeeping grows with a study: everything but training, for each trial, in small and large studies.

    python -m benchmarks.growth [STUDY] [--trials N] [--few N] [--epochs N]

One worker runs a study of few trials and one of many, with a trainer that plays random curves under the metric names of
a real training and takes no time. Calls are timed in windows of trials: in the small study, and at the start, in the
middle and at the end of the large one, where ever fewer trials wait and ever more are finished. Pruning ends trials at
different epochs, so each kind of call is weighted by how often a trial of the large study makes it: the sums compare
equal work. Then the verbs that read a whole study, as processes, beside a bare `import optuna`, and what the MLflow
server needs for the study's page in both studies: its first 100 runs, the best first.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from trainer.metrics import EpochReport
from trainer.result import Result
from tuner.study.study import open_study
from tuner.system.place import Place
from tuner.tracking import charts

SMALL = ("--trials", "40", "--epochs", "20")
WINDOW = 10
"""Trials in a window."""
_COUNTS = {"loss": 5, "weight": 3, "weighted": 4, "train": 6, "val": 5, "val_f1": 7, "gap": 3, "grad": 8, "gate": 8}
METRICS = tuple(f"{prefix}/{i}" for prefix, count in _COUNTS.items() for i in range(count))
"""As many as an epoch of the built-in model measures, the objective aside."""


def play(configs: Sequence[Any], *args: Any, seed: int, objective: Any, report: Any, **kwargs: Any) -> list[Result]:
    """Stands in for `trainer.train.train`: random curves, the same for a config whatever the order."""
    training = args[2]
    results = [Result(config) for config in configs]
    rng = np.random.default_rng(zlib.crc32(str(configs).encode()))
    top, noise = 0.9 + 0.05 * rng.random(), rng.normal(0, 0.005, training.epochs)
    for epoch in range(1, training.epochs + 1):
        value = float(top * (1 - np.exp(-epoch / 4)) + noise[epoch - 1])
        metrics = dict(zip(METRICS, rng.random(len(METRICS)).tolist(), strict=True)) | {objective.metric: value}
        for result in results:
            result.record(EpochReport(0, epoch, metrics, None))
            if result.best_epoch == 0 or objective.better(value, result.best_value):
                result.best_epoch, result.best_value = epoch, value
        if report([EpochReport(i, epoch, metrics, None) for i in range(len(configs))]):
            for result in results:
                result.state, result.reason = "stopped", f"epoch {epoch}"
            return results
    for result in results:
        result.test = {f"test/{name}": 0.9 for name in ("weighted_f1", "macro_f1", "accuracy")}
        result.measures = {f"convergence/{i}": 0.5 for i in range(12)}
    return results


class Calls:
    """CPU and wall seconds of calls by kind and by the trial in which they were made."""

    def __init__(self) -> None:
        self.trial = 0
        self.made: dict[str, dict[int, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))

    def time(self, owner: Any, name: str, label: str) -> Callable[[], None]:
        """Time a function under `label` from now on; returns what puts the plain one back."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                used = (time.process_time() - cpu, time.perf_counter() - wall)
                self.made[label][self.trial].append(used)

        setattr(owner, name, timed)
        return lambda: setattr(owner, name, original)

    def per_call(self, label: str, first: int, last: int) -> tuple[float, float]:
        """Mean CPU and wall seconds of such a call in trials first .. last - 1; 0 where there was none."""
        found = [used for trial in range(first, last) for used in self.made[label][trial]]
        return (mean(cpu for cpu, _ in found), mean(wall for _, wall in found)) if found else (0.0, 0.0)

    def per_trial(self, trials: int) -> dict[str, float]:
        """How often a trial makes each kind of call, on average."""
        return {label: sum(map(len, by_trial.values())) / trials for label, by_trial in self.made.items()}


def run(study: str, trials: int, epochs: int, state: Path) -> tuple[Calls, float]:
    """Run a study with the playing trainer; its calls, and the seconds to make it (with a full queue)."""
    import optuna

    from tuner.spec import file as study_file
    from tuner.spec.edit import with_overrides
    from tuner.storage import lease, opening
    from tuner.study.make import create_study
    from tuner.tracking.client import Tracker
    from tuner.worker import outcome, training, worker

    calls = Calls()
    spec = with_overrides(study_file.load(study), trials=trials, epochs=epochs)
    spec = spec.model_copy(update={"search": spec.search.model_copy(update={"replicates": 0})})
    began = time.perf_counter()
    made = create_study(Place.at(state), "growth", spec)
    making = time.perf_counter() - began

    def count(text: str) -> None:
        calls.trial += 1

    back = [
        calls.time(owner, name, label)
        for owner, name, label in (
            (lease, "claim", "Optuna claim"),
            (opening, "suggest", "Optuna suggest"),
            (optuna.trial.Trial, "report", "Optuna report"),
            (optuna.trial.Trial, "should_prune", "Optuna should_prune"),
            (optuna.trial.Trial, "set_user_attr", "Optuna set_user_attr"),
            (optuna.Study, "tell", "Optuna tell"),
            (outcome.Outcomes, "_leads", "leads"),
            (Tracker, "start_trial", "MLflow start_trial"),
            (Tracker, "epoch", "MLflow epoch"),
            (Tracker, "end_trial", "MLflow end_trial"),
        )
    ]
    plain, training.train = training.train, play
    keep, outcome.model_file.log = outcome.model_file.log, lambda *args: None
    try:
        worker.work(made, device="cpu", say=count)
    finally:
        training.train, outcome.model_file.log = plain, keep
        for undo in back:
            undo()
    return calls, making


def seconds(command: Sequence[str], times: int = 3) -> float:
    """Median wall time of a command."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - began)
    return median(found)


def main() -> None:
    """Print a row for each kind of call, the sums with their ratio, and the verbs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="quickstart")
    parser.add_argument("--trials", type=int, default=1000, help="of the large study")
    parser.add_argument("--few", type=int, default=20, help="of the small one; the sampler models from the 11th on")
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args()
    few, many = options.few, options.trials
    with tempfile.TemporaryDirectory() as folder:
        small, made_small = run(options.study, few, options.epochs, Path(folder) / "small")
        large, made_large = run(options.study, many, options.epochs, Path(folder) / "large")
        windows = {f"{few} trials": (small, few - WINDOW, few)}
        for name, first in (("first", WINDOW), ("middle", many // 2), ("last", many - WINDOW)):
            windows[f"{many}, {name}"] = (large, first, first + WINDOW)
        _table(windows, large.per_trial(many), few)
        print(f"making the study: {made_small:.2f} s with {few} trials, {made_large:.2f} s with {many}")
        _verbs(Path(folder) / "large", many)
        for name, trials in (("small", few), ("large", many)):
            print(f"{f'the page, {trials} trials':28}{page(Path(folder) / name):8.2f}", flush=True)


def _table(windows: dict[str, tuple[Calls, int, int]], often: dict[str, float], few: int) -> None:
    print(f"CPU ms a call, in windows of {WINDOW} trials")
    print(f"{'':22}{'calls a trial':>14}" + "".join(f"{name:>14}" for name in windows))
    cpu: Counter[str] = Counter()
    wall: Counter[str] = Counter()
    for label, times in often.items():
        cells = {name: calls.per_call(label, first, last) for name, (calls, first, last) in windows.items()}
        print(f"{label:22}{times:14.1f}" + "".join(f"{1000 * cell[0]:14.1f}" for cell in cells.values()))
        cpu.update({name: times * cell[0] for name, cell in cells.items()})
        wall.update({name: times * cell[1] for name, cell in cells.items()})
    for what, sums in (("CPU", cpu), ("wall", wall)):
        print(f"{'a trial, ' + what + ' ms':36}" + "".join(f"{1000 * sums[name]:14.1f}" for name in windows))
        print(f"{'ratio':36}" + "".join(f"{sums[name] / sums[f'{few} trials']:14.2f}" for name in windows))


def _verbs(state: Path, trials: int) -> None:
    tuner = [sys.executable, "-m", "tuner"]
    print(f"seconds, with {trials} trials in the storage")
    for name, command in {
        "python -c 'import optuna'": [sys.executable, "-c", "import optuna"],
        "tuner --help": [*tuner, "--help"],
        "tuner status": [*tuner, "status", "--state", str(state)],
        "tuner status --json": [*tuner, "status", "--json", "--state", str(state)],
        "tuner list": [*tuner, "list", "--state", str(state)],
    }.items():
        print(f"{name:28}{seconds(command):8.2f}", flush=True)


def page(state: Path, times: int = 5) -> float:
    """Median seconds in which the server answers what the page of the study asks first."""
    study = open_study(Place.at(state), "growth")
    order = f"metrics.`{charts.objective_metric(study.spec.objective)}` DESC"
    asked = {"experiment_ids": [study.runs.experiment_id], "max_results": 100, "order_by": [order]}
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tuner", "ui", "growth", "--port", str(port), "--state", str(state)]
    where = f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search"
    request = urllib.request.Request(where, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            for line in server.stdout or ():
                if "Ctrl-C" in line:
                    break
            for _ in range(times + 1):  # the first one warms up
                began = time.perf_counter()
                with urllib.request.urlopen(request) as answer:
                    answer.read()
                found.append(time.perf_counter() - began)
        finally:
            server.send_signal(signal.SIGINT)
    return median(found[1:])


if __name__ == "__main__":
    main()

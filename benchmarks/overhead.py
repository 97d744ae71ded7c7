"""What Optuna, MLflow and process handling cost: a study's wall time against the bare trainings that it did.

    python -m benchmarks.overhead [STUDY] [--data FILE] [--trials N] [--epochs N] [--population K|auto] [--rounds R]

Each round runs a whole study (`tuner start`, all workers, storage, tracking) and then the very same trainings (same
configs, seeds and epochs, replicates included) in as many bare processes, without Optuna and MLflow. Both start from
nothing, so both pay for starting Python and importing torch. The study trains one trial at a time, as the bare
processes do; `--population auto` lets it train several as one model, as it comes. Plots, the logistic regression and
the note at the end of a study are reported apart.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.system.device import cores

if TYPE_CHECKING:
    from tuner.spec.model import Spec

SMALL = ("--trials", "4", "--rounds", "1")
Task = tuple[dict[str, Any], int, int]
"""knobs, seed, epochs"""


def cpu_seconds() -> float:
    """CPU time of all processes started and ended so far; steadier than wall time on a machine that others use."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_study(study: str, flags: list[str], state: Path) -> tuple[float, float]:
    """Seconds of the whole command, and of it until the last trial ended."""
    command = [sys.executable, "-m", "tuner", "start", study, "--state", str(state), "--quiet", "--device", "cpu"]
    began = time.time()
    subprocess.run([*command, *flags], check=True)
    whole = time.time() - began
    from tuner.study.study import open_study
    from tuner.system.place import Place

    ends = [t.datetime_complete for t in open_study(Place.at(state), _name(study)).optuna.get_trials()]
    return whole, max(e.timestamp() for e in ends if e) - began


def tasks(study: str, state: Path) -> tuple[Spec, list[Task]]:
    """The study as it was made, and what it trained, in its order."""
    from tuner.storage.record import TrialRecord, epochs_run
    from tuner.study.study import open_study
    from tuner.system.place import Place
    from tuner.worker.trial import replicate_seed as replicate_seed

    opened = open_study(Place.at(state), _name(study))
    found: list[Task] = []
    for trial in opened.optuna.get_trials():
        record, seed = TrialRecord.of(trial), opened.spec.seed
        config = dict(record.config or {})
        found.append((config, seed, epochs_run(trial)))
        if record.is_baseline:
            replicates = range(opened.spec.search.replicates)
            found += [(config, replicate_seed(seed, i + 1), opened.spec.training.epochs) for i in replicates]
    return opened.spec, found


def train_bare(spec: Spec, todo: list[Task], processes: int) -> float:
    """Seconds to train the tasks in bare processes, measured from outside."""
    from tuner.spec.edit import spec_dict

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tasks.json"
        file.write_text(json.dumps({"spec": spec_dict(spec), "tasks": todo}))
        command = [
            sys.executable,
            "-m",
            "benchmarks.overhead",
            "--bare",
            str(file),
            "--processes",
            str(processes),
        ]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        began = time.time()
        subprocess.run(command, check=True, env=env)
        return time.time() - began


def _bare(spec: dict[str, Any], todo: list[Task], processes: int) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=_prepare, initargs=(spec,)) as pool:
        for _ in pool.imap_unordered(_train_one, todo, chunksize=1):
            pass


_SHARED: dict[str, Any] = {}


def _prepare(raw: dict[str, Any]) -> None:
    import torch

    from trainer.tensors import to_tensors
    from tuner.spec import file as study_file
    from tuner.study.study import load_data

    torch.set_num_threads(1)
    spec = study_file.parse(raw)
    _SHARED.update(spec=spec, data=to_tensors(load_data(spec), spec.model))


def _train_one(task: Task) -> float:
    from trainer.config import LossConfig
    from trainer.train import train

    knobs, seed, epochs = task
    spec = _SHARED["spec"]
    result = train(
        [LossConfig.from_knobs(knobs)],
        _SHARED["data"],
        spec.model,
        spec.training,
        seed=seed,
        report=lambda reports: [0] if reports[0].epoch >= epochs else (),
    )
    return result[0].best_value


def _name(study: str) -> str:
    return re.sub(r"\.ya?ml$", "", Path(study).name)


def main() -> None:
    """Print one row a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="quickstart")
    parser.add_argument("--data")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--population", default="1", help="as `tuner start` takes it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=cores(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        given = json.loads(options.bare.read_text())
        _bare(given["spec"], given["tasks"], options.processes)
        return
    flags = ["--population", options.population]
    for name in ("data", "trials", "epochs"):
        if (value := getattr(options, name)) is not None:
            flags += [f"--{name}", str(value)]
    print("round   bare s   study s   ratio   whole s | CPU: bare s   whole s   ratio")
    ratios = []
    for i in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder)
            marks = [cpu_seconds()]
            whole, until_last = run_study(options.study, flags, state)
            marks.append(cpu_seconds())
            bare = train_bare(*tasks(options.study, state), options.processes)
            marks.append(cpu_seconds())
        cpu_study, cpu_bare = marks[1] - marks[0], marks[2] - marks[1]
        ratios.append(until_last / bare)
        print(
            f"{i + 1:5} {bare:8.1f} {until_last:9.1f} {ratios[-1]:7.3f} {whole:9.1f} | {cpu_bare:11.1f} "
            f"{cpu_study:9.1f} {cpu_study / cpu_bare:7.3f}",
            flush=True,
        )
    print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.3f}")


if __name__ == "__main__":
    main()

"""What a scripted trial costs beyond its script, and how soon a pruned script is told to stop.

    python -m benchmarks.script [--trials N] [--epochs E] [--seconds S]

The script sleeps S seconds an epoch and says a line of JSON: it stands for any that trains, and takes no CPU away from
what is measured. It is run N times bare, one after the other, and then as the N trials of a study by one worker, with
Optuna and MLflow. Then a study with pruning: the script notes when it reports and when it gets SIGTERM.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

SMALL = ("--trials", "3", "--epochs", "4", "--seconds", "0.05")
SCRIPT = """\
import json, signal, sys, time


def leave(*_):
    print(json.dumps({"stopped": time.time()}), flush=True)
    sys.exit(1)


signal.signal(signal.SIGTERM, leave)
w, epochs, seconds = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for epoch in range(1, epochs + 1):
    time.sleep(seconds)
    print(json.dumps({"epoch": epoch, "f1": w, "at": time.time()}), flush=True)
"""


def study_of(folder: Path, options: argparse.Namespace, search: dict[str, Any]) -> Any:
    """A study of the script, in a state folder of its own."""
    from tuner.spec import file as study_file
    from tuner.study.make import create_study
    from tuner.system.place import Place

    raw = {
        "command": f"{{python}} -I -S script.py {{w}} {{epochs}} {options.seconds}",
        "script": {"directory": str(folder)},
        "objective": "f1",
        "direction": "maximize",
        "training": {"epochs": options.epochs},
        "search": {"trials": options.trials, "sampler": "random", "replicates": 0, **search},
        "knobs": {"w": {"low": 0.0, "high": 1.0}},
        "baseline": {"w": 1.0},
        "plans": {},
    }
    return create_study(Place.at(folder / f"state-{search['pruner']}"), "script", study_file.parse(raw))


def bare(folder: Path, options: argparse.Namespace) -> float:
    """Seconds of a run of the script by itself, the median."""
    words = [sys.executable, "-I", "-S", "script.py", "0.5", str(options.epochs), str(options.seconds)]
    found = []
    for _ in range(options.trials):
        began = time.perf_counter()
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - began)
    return median(found)


def work(study: Any) -> tuple[float, float]:
    """Seconds from the end of a trial to that of the next, the median; CPU seconds of the worker a trial."""
    from tuner.worker import worker

    began = time.process_time()
    worker.work(study, device="cpu", say=lambda text: None)
    used = time.process_time() - began
    ends = sorted(trial.datetime_complete.timestamp() for trial in study.optuna.get_trials())
    return median(later - end for end, later in itertools.pairwise(ends)), used / len(ends)


def stops(study: Any, folder: Path) -> list[tuple[float, int]]:
    """For each pruned trial: seconds from the report that was judged to the signal, and reports in between."""
    found = []
    for trial in study.optuna.get_trials():
        log = folder / "state-rungs" / "scripts" / "script" / f"trial-{trial.number}" / "log.txt"
        said = [json.loads(line) for line in log.read_text().splitlines()]
        stopped = next((event["stopped"] for event in said if "stopped" in event), None)
        if stopped is not None:
            judged = max(trial.intermediate_values)
            at = next(event["at"] for event in said if event.get("epoch") == judged)
            found.append((stopped - at, sum(event.get("epoch", 0) > judged for event in said)))
    return found


def main() -> None:
    """Print the cost of a trial and the delay of a stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "script.py").write_text(SCRIPT)
        alone = bare(folder, options)
        trial, used = work(study_of(folder, options, {"pruner": "none"}))
        pruned = study_of(folder, options, {"pruner": "rungs", "min_peers": 2})
        work(pruned)
        delays = stops(pruned, folder)
    print(f"script alone        {alone:6.2f} s a run, {options.trials} runs of {options.epochs} epochs")
    print(
        f"as a trial          {trial:6.2f} s: {trial - alone:.2f} s more; the worker used {used:.2f} s of CPU a trial"
    )
    if delays:
        seconds = [delay for delay, _ in delays]
        print(
            f"SIGTERM             {1000 * median(seconds):6.0f} ms after the report that decided (median of "
            f"{len(delays)}, at most {1000 * max(seconds):.0f}), {max(count for _, count in delays)} further reports"
        )


if __name__ == "__main__":
    main()

"""What a worker spends on Optuna and MLflow beside training, measured inside one worker.

    python -m benchmarks.bookkeeping [STUDY] [--trials N]

Steadier than comparing whole runs (benchmarks/overhead.py): everything is timed in one process. Training is all of
`train` but the report callback.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL = ("--trials", "2")


def timed(owner: Any, name: str, label: str, spent: Counter[str], calls: Counter[str]) -> None:
    """Replace a function by one that adds up its time under `label`."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            spent[label] += time.perf_counter() - began
            calls[label] += 1

    setattr(owner, name, wrapper)


def main() -> None:
    """Print a row for each kind of bookkeeping and the share of all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="quickstart")
    parser.add_argument("--trials", type=int, default=24)
    options = parser.parse_args()

    import optuna

    from tuner.spec import file as study_file
    from tuner.spec.edit import with_overrides
    from tuner.storage import lease, opening
    from tuner.study.make import create_study
    from tuner.system.place import Place
    from tuner.tracking.client import Tracker
    from tuner.worker import worker

    spent: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for name in ("start_trial", "epoch", "end_trial", "artifact"):
        timed(Tracker, name, f"MLflow {name}", spent, calls)
    for owner, name in (
        (lease, "claim"),
        (opening, "suggest"),
        (optuna.trial.Trial, "report"),
        (optuna.trial.Trial, "should_prune"),
        (optuna.trial.Trial, "set_user_attr"),
        (optuna.Study, "tell"),
    ):
        timed(owner, name, f"Optuna {name}", spent, calls)
    with tempfile.TemporaryDirectory() as folder:
        spec = with_overrides(study_file.load(options.study), trials=options.trials)
        study = create_study(Place.at(Path(folder)), "bookkeeping", spec)
        began = time.perf_counter()
        worker.work(study, device="cpu", say=lambda text: None)
        whole = time.perf_counter() - began
        epochs = sum(len(t.intermediate_values) for t in study.optuna.get_trials())
    rest = whole - sum(spent.values())
    for label, seconds in spent.most_common():
        print(f"{label:22} {seconds:7.2f} s {calls[label]:6} calls {1000 * seconds / calls[label]:7.1f} ms a call")
    print(f"{'training':22} {rest:7.2f} s for {epochs} epochs reported, replicates not counted")
    print(f"bookkeeping is {sum(spent.values()) / rest:.1%} of training")


if __name__ == "__main__":
    main()

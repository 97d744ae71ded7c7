"""What pruning saves and what it costs: the same study with and without it.

    python -m benchmarks.pruning [STUDY] [--seeds N] [--trials N]

For each seed the study runs twice, with its pruner and with `pruner: none`. Printed: epochs trained against what the
same trials would have cost unpruned, the best validation value of both, and one seed's deviation of the baseline (from
its replicates) as the measure of noise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from tuner.spec import file as study_file
from tuner.spec import yaml
from tuner.spec.edit import spec_dict
from tuner.study.study import open_study
from tuner.study.summary import summarise
from tuner.system.place import Place

SMALL = ("--trials", "6", "--seeds", "1")


def run(study: str, pruner: str, seed: int, trials: int | None, state: Path) -> dict[str, Any]:
    """Run a study to its end; returns its summary."""
    raw = spec_dict(study_file.load(study))
    raw["search"]["pruner"] = pruner
    file = state / f"{pruner}-{seed}.yaml"
    file.write_text(yaml.dump(raw))
    command = [sys.executable, "-m", "tuner", "start", str(file), "--seed", str(seed), "--state", str(state), "--quiet"]
    subprocess.run(command + (["--trials", str(trials)] if trials else []), check=True)
    return summarise(open_study(Place.at(state), file.stem))


def main() -> None:
    """Print a row a seed and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="quickstart")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int)
    options = parser.parse_args()
    print("seed   epochs   of full   share   best pruned   best unpruned   difference   one seed's deviation")
    shares, gaps = [], []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            pruned = run(options.study, "rungs", seed, options.trials, Path(folder))
            full = run(options.study, "none", seed, options.trials, Path(folder))
        shares.append(pruned["epochs_run"] / pruned["epochs_full"])
        gaps.append(pruned["best"]["value"] - full["best"]["value"])
        noise = [*full["replicates"]["values"], full["baseline"]["value"]]
        print(
            f"{seed:4} {pruned['epochs_run']:8} {pruned['epochs_full']:9} {shares[-1]:7.2f} "
            f"{pruned['best']['value']:13.4f} {full['best']['value']:15.4f} {gaps[-1]:12.4f} {stdev(noise):22.4f}",
            flush=True,
        )
    print(f"mean share {mean(shares):.2f}, mean difference {mean(gaps):+.4f}")


if __name__ == "__main__":
    main()

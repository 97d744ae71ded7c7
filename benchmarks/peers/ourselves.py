"""Ourselves: `tuner start` on a study file, as a user runs it.

The study file is quickstart's with the work's data, epochs and trials. The baseline is not trained again under other
seeds unless `--replicates` asks for it: the peers do nothing of the kind, and it would be more training, not the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.work import EXPERIMENT, Work
from tuner.spec import file as study_file
from tuner.spec import yaml
from tuner.spec.edit import spec_dict


def study(work: Work, replicates: int = 0) -> str:
    """The study file of the work, as YAML."""
    raw = spec_dict(study_file.load("quickstart"))
    raw["data"] |= {"source": work.source, "path": work.path}
    raw["training"]["epochs"] = work.epochs
    raw["search"] |= {"trials": work.trials, "replicates": replicates}
    raw["seed"] = work.seed
    return yaml.dump(raw)


def main() -> None:
    """Run the work of `--work` with its state in `--state`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--replicates", type=int, default=0)
    options = parser.parse_args()
    work = Work.read(options.work)
    file = options.state / f"{EXPERIMENT}.yaml"
    file.write_text(study(work, options.replicates))
    command = [sys.executable, "-m", "tuner", "start", str(file), "--state", str(options.state), "--device", "cpu"]
    raise SystemExit(subprocess.run([*command, "--workers", str(work.processes)], check=False).returncode)


if __name__ == "__main__":
    main()

"""Workers as a SLURM job array: one task a GPU, put back into SLURM's queue when its node fails or is taken away."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable

from tuner.errors import InputError
from tuner.launch._base import CPUS, MEMORY, Setting, Workers
from tuner.system.masking import masked

GRACE = 60
"""Seconds before the time limit at which a worker is asked to hand its trial back; it takes a few."""
SETTINGS = {
    "cpus": CPUS,
    "memory": MEMORY,
    "time": Setting("", "time limit, such as 4:00:00; empty for the partition's"),
    "partition": Setting("", "partition; empty for the cluster's default"),
    "account": Setting("", "account that is charged"),
    "setup": Setting("", "shell commands before the worker, such as 'module load cuda'"),
    "options": Setting("", "further options of sbatch, such as '--constraint=a100 --nice'"),
}


def launch(workers: Workers, say: Callable[[str], None]) -> None:
    """Submit the array and return: SLURM looks after it from here on."""
    workers.check_shared()
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        raise InputError("sbatch is not on the PATH: run this where SLURM's commands are, on a login node say")
    command = [sbatch, *options(workers)]
    workers.check_study()
    workers.place.prepare()
    (workers.place.state / "logs").mkdir(exist_ok=True)
    done = subprocess.run(
        command,
        input=script(workers),
        env=os.environ | workers.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(f"sbatch refused: {masked(done.stderr.strip() or f'exit code {done.returncode}')}")
    job = done.stdout.strip().partition(";")[0]
    say(f"job {job}: {workers.count or 1} workers; squeue --job {job} shows them, scancel {job} ends them")


def options(workers: Workers) -> list[str]:
    """What sbatch is told: on its command line, since lines of a script cannot hold every path."""
    settings = workers.settings
    logs = str(workers.place.state / "logs").replace("%", "%%")
    found = {
        "job-name": f"tuner-{workers.slug}",
        "array": f"0-{(workers.count or 1) - 1}",
        "output": f"{logs}/{workers.slug}-slurm-%A-%a.log",
        "open-mode": "append",
        "ntasks": "1",
        "cpus-per-task": str(workers.cpus),
        "gres": f"gpu:{workers.gpus}" if workers.gpus else "",
        "mem": f"{workers.memory}M" if workers.memory else "",
        "time": settings["time"],
        "partition": settings["partition"],
        "account": settings["account"],
        "signal": f"B:TERM@{GRACE}",  # B: to the worker, which takes the place of the batch shell
        "export": "ALL",  # the environment holds the URLs
    }
    try:
        more = shlex.split(settings["options"])
    except ValueError as error:
        raise InputError(f"--set options cannot be split into options of sbatch: {error}") from None
    return ["--parsable", "--requeue", *(f"--{key}={value}" for key, value in found.items() if value), *more]


def script(workers: Workers) -> str:
    """What each task of the array runs: this very installation."""
    command = shlex.join([sys.executable, "-m", "tuner", *workers.arguments()])
    lines = ["#!/bin/sh", workers.settings["setup"], f"exec {command}"]
    return "\n".join(line for line in lines if line) + "\n"

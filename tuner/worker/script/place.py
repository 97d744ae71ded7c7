"""Where a script runs and what it finds there: its folder, its environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.spec.command import show
from tuner.spec.model import Spec
from tuner.system import device as devices

REPORT = "TUNER_REPORT"
"""Tells a script's `trainer.report` which file to write to."""
ISOLATED = "isolated"
"""The folder in a trial's own in which the script's folder appears."""
MOST_LINKS = 5_000
LEFT_OUT = ("__pycache__", "mlruns", "wandb", "outputs", "multirun", "lightning_logs", "runs")
"""Folders that hold what earlier runs wrote, or what is made anew."""


def prepare(spec: Spec, folder: Path) -> Path:
    """The folder in which the script runs; folder: the trial's own. With `isolate` one in which the script's files
    appear as links, made anew for each run."""
    if not spec.script.isolate:
        return spec.script.workplace(folder)
    directory = folder / ISOLATED
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    left_out = set() if spec.script.isolate is True else set(spec.script.isolate)
    _link(spec.script.base, directory, folder.absolute(), left_out, [MOST_LINKS])
    return directory


def _link(source: Path, target: Path, own: Path, left_out: set[str], left: list[int]) -> None:
    """Folders are made and files linked, so that what a script makes stays in its own; beyond MOST_LINKS files a folder
    is linked whole."""
    for entry in sorted(os.scandir(source), key=lambda entry: (entry.is_dir(), entry.name)):
        path = Path(entry.path)
        inside = entry.name.startswith(".") or entry.name in LEFT_OUT or entry.name in left_out
        if inside or path == own or path in own.parents:
            continue
        if entry.is_dir(follow_symlinks=False) and left[0] > 0:
            (target / entry.name).mkdir()
            _link(path, target / entry.name, own, left_out, left)
        else:
            left[0] -= 1
            (target / entry.name).symlink_to(path)


def anchored(words: Sequence[str], base: Path) -> list[str]:
    """The words of a command that runs elsewhere, with the paths of files of `base` in full."""

    def full(word: str) -> str:
        before, equals, name = word.rpartition("=")
        if name and not name.startswith(("-", os.sep)) and (base / name).exists():
            return f"{before}{equals}{base.absolute() / name}"
        return word

    first = str(base.absolute() / words[0]) if os.sep in words[0] and (base / words[0]).exists() else words[0]
    return [first, *map(full, words[1:])]


def environment(spec: Spec, device: str, told: Path, values: Mapping[str, Any]) -> dict[str, str]:
    """What the script finds in its environment: this process's, without what may hold passwords. values: of the
    placeholders, which may stand in `script.environment` too."""
    private = ("TUNER_STORAGE", "TUNER_TRACKING_URI", "MLFLOW_RUN_ID", "RANK")
    kept = {name: value for name, value in os.environ.items() if name not in private}
    kept |= {REPORT: str(told), "PYTHONUNBUFFERED": "1", "TUNER_OBJECTIVE": spec.objective}
    kept |= {"TUNER_DEVICE": "cpu" if device == "cpu" else "cuda"}
    if spec.function:
        # A function hears with each report whether to stop; a script gets a signal.
        kept["TUNER_WAIT"] = "1"
    if device == "cpu":
        kept["CUDA_VISIBLE_DEVICES"] = ""
    elif device.startswith("cuda:"):
        kept["CUDA_VISIBLE_DEVICES"] = devices.visible(int(device.removeprefix("cuda:")), kept)
    return kept | {name: filled(text, values) for name, text in spec.script.environment.items()}


def filled(text: str, values: Mapping[str, Any]) -> str:
    """A text with the placeholders that have a value in their place."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", show(value))
    return text

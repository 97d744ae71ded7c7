"""A study file for the user's data, written with the reasons as comments."""

from __future__ import annotations

import math
import os
import shlex
import textwrap
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from trainer.data import Dataset, build, read, source_of
from trainer.data.dataset import TRAIN
from tuner import data_report, names, study_file
from tuner import device as devices
from tuner.errors import InputError
from tuner.init import guess
from tuner.init.measure import Measured, measure
from tuner.init.template import STUDY


def init(path: str, output: Path | None = None, *, minutes: float = 30.0, device: str | None = None) -> dict[str, Any]:
    """Write a study file for the data at `path`; returns where it is and what was guessed, each with its reason.

    output: default the data's name in the current folder. Raises InputError where it exists, and for wrong data.
    """
    device = devices.resolve(device)
    source = source_of(path)
    output = output or Path(f"{_name(path)}.yaml")
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output: expected a .yaml file; found {output}")
    names.check(output.stem)
    if output.exists():
        raise InputError(f"{output} exists; choose another name with --output")
    data = build(read(source, path), seed=0)
    problems = data_report.problems(data)
    measured = measure(data, device)
    budget = guess.budget(measured.seconds, devices.default_workers(device), minutes)
    reasons = _reasons(source, data, measured, budget)
    text = _text(path, source, output, data, measured, budget, reasons, problems)
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from None
    study_file.load(str(output))  # what was written is a study
    return {"file": str(output), "data": data.name, "guessed": reasons, "problems": problems}


def _name(path: str) -> str:
    file = Path(path).expanduser().resolve()
    return file.name if file.is_dir() else file.stem


def _reasons(source: str, data: Dataset, measured: Measured, budget: guess.Budget) -> dict[str, str]:
    """What was guessed, and why."""
    weight, gate = guess.weight_range(measured), guess.gate_range(measured)
    ratio, rare = _imbalance(data)
    pull = f"at {measured.balanced_weight:.2g} it pulls on the shared encoders as hard as the classification does"
    if not math.isfinite(measured.balanced_weight):
        pull = "the recommendation's own range, since its pull on the shared encoders could not be measured"
    many = f"{budget.workers} worker{'s' if budget.workers > 1 else ''}"
    return {
        "data": f"source {source}: {_facts(data)}",
        "encoder_loss_weight": f"{weight.low:g} .. {weight.high:g}: {pull} ({measured.epochs} epochs of the baseline)",
        "gate_reg_weight": (
            f"{gate.low:g} .. {gate.high:g}: at the upper end gates that are all saturated cost as much as the "
            f"classification loss does at first, {measured.classification:.2g}"
        ),
        "class_weights": (
            f"{'searched' if ratio >= guess.IMBALANCED else 'left out'}: the largest class has {ratio:.1f} times the "
            f"rows of the smallest, {rare!r}"
        ),
        "budget": (
            f"{budget.trials} trials of up to {budget.epochs} epochs, about {budget.minutes:.0f} minutes with {many}: "
            f"an epoch took {measured.seconds:.2g} s"
        ),
    }


def _text(
    path: str,
    source: str,
    output: Path,
    data: Dataset,
    measured: Measured,
    budget: guess.Budget,
    reasons: dict[str, str],
    problems: list[str],
) -> str:
    """The study file."""
    weight, gate = guess.weight_range(measured), guess.gate_range(measured)
    return Template(STUDY).substitute(
        {name: _comment(f"Guessed: {text}.", 2) for name, text in reasons.items()},
        about=_comment(f"Written by `tuner init` for {data.name}: {_facts(data)}."),
        file=shlex.quote(str(output)),
        problems="".join(f"#\n{_comment(f'Look at this first: {text}')}\n" for text in problems),
        description=_quoted(f"The weights of the loss on {data.name}"),
        source=source,
        path=_quoted(_where(path, output)),
        budget=_comment(f"Guessed: {reasons['budget']}."),
        epochs=budget.epochs,
        trials=budget.trials,
        weight_low=f"{weight.low:g}",
        weight_high=f"{weight.high:g}",
        gate_low=f"{gate.low:g}",
        gate_high=f"{gate.high:g}",
        warmup=max(2, budget.epochs // 5),
        unless_imbalanced="" if _imbalance(data)[0] >= guess.IMBALANCED else "# ",
    )


def _facts(data: Dataset) -> str:
    views = ", ".join(f"{name} {view.shape[1]}" for name, view in data.views.items())
    dialogues = "" if data.dialogue is None else f", {len(np.unique(data.dialogue))} dialogues"
    sizes = " / ".join(str(len(data.rows(part))) for part in (0, 1, 2)) + ("" if data.fixed_split else " by seed")
    return f"{data.n} rows{dialogues}; views {views}; {data.n_classes} classes; split {sizes}"


def _imbalance(data: Dataset) -> tuple[float, str]:
    """Training rows of the largest class over those of the smallest, and the smallest one's name."""
    labels = data.labels[data.rows(TRAIN)]
    counts = np.bincount(labels[labels >= 0], minlength=data.n_classes)
    return float(counts.max() / max(counts.min(), 1)), data.label_names[int(counts.argmin())]


def _where(path: str, output: Path) -> str:
    """The data's path as the study file has it: relative where it lies beside or below the file, else absolute."""
    file = Path(path).expanduser().resolve()
    relative = os.path.relpath(file, output.resolve().parent)
    return str(file) if relative.startswith("..") else relative


def _quoted(text: str) -> str:
    """A YAML string that holds whatever a path may hold."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comment(text: str, indent: int = 0, width: int = 118) -> str:
    prefix = " " * indent + "# "
    return "\n".join(textwrap.wrap(" ".join(text.split()), width, initial_indent=prefix, subsequent_indent=prefix))

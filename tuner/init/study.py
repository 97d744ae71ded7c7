"""A study file for the user's data, written with the reasons as comments."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from trainer.data import Dataset, build, read, source_of
from trainer.data.dataset import TRAIN
from tuner.init import data_report, guess, text
from tuner.init.measure import Measured, measure
from tuner.init.template import STUDY
from tuner.spec import file as study_file
from tuner.system import device as devices


def init(path: str, output: Path | None = None, *, minutes: float = 30.0, device: str | None = None) -> dict[str, Any]:
    """Write a study file for the data at `path`; returns where it is and what was guessed, each with its reason.

    output: default the data's name in the current folder. Raises InputError where it exists, and for wrong data.
    """
    device = devices.resolve(device)
    source = source_of(path)
    output = text.output(output or Path(f"{_name(path)}.yaml"))
    data = build(read(source, path), seed=0)
    problems = data_report.problems(data)
    measured = measure(data, device)
    budget = guess.budget(measured.seconds, devices.default_workers(device), minutes)
    reasons = _reasons(source, data, measured, budget)
    text.write(output, _study(path, source, output, data, measured, budget, reasons, problems))
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
        "data": f"source {source}: {text.facts(data)}",
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


def _study(
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
        {name: text.comment(f"Guessed: {reason}.", 2) for name, reason in reasons.items()},
        about=text.comment(f"Written by `tuner init` for {data.name}: {text.facts(data)}."),
        file=shlex.quote(str(output)),
        problems=text.problems(problems),
        description=text.quoted(f"The weights of the loss on {data.name}"),
        source=source,
        path=text.quoted(text.where(path, output)),
        budget=text.comment(f"Guessed: {reasons['budget']}."),
        epochs=budget.epochs,
        trials=budget.trials,
        weight_low=f"{weight.low:g}",
        weight_high=f"{weight.high:g}",
        gate_low=f"{gate.low:g}",
        gate_high=f"{gate.high:g}",
        warmup=max(2, budget.epochs // 5),
        unless_imbalanced="" if _imbalance(data)[0] >= guess.IMBALANCED else "# ",
    )


def _imbalance(data: Dataset) -> tuple[float, str]:
    """Training rows of the largest class over those of the smallest, and the smallest one's name."""
    labels = data.labels[data.rows(TRAIN)]
    counts = np.bincount(labels[labels >= 0], minlength=data.n_classes)
    return float(counts.max() / max(counts.min(), 1)), data.label_names[int(counts.argmin())]

"""Trains. Imports torch where it must; knows nothing of Optuna or MLflow."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import SupportsFloat

DISTRIBUTION = "loss-weight-tuner"
"""Whose `trainer` this is: PyPI has others."""
_LONGEST_WAIT = 60.0
"""Seconds that a report waits for its answer, where it waits at all."""


def report(*, epoch: float, **metrics: SupportsFloat) -> bool:
    """Tell the tuner what an epoch measured, from a training script of one's own; does nothing outside of a trial.

    epoch: counted from 0 or 1, half ones too; metrics: numbers, or tensors of one element. Of several processes that
    train together only the first reports (by RANK, as torchrun and accelerate set it). Other names than Python's go by
    `report(epoch=3, **{"val/weighted_f1": 0.7})`.

    Returns whether the training should stop, as far as is known: a function that the study file names hears it of the
    epoch that it reports; a script is stopped by a signal anyway.
    """
    path = os.environ.get("TUNER_REPORT")
    if not path or os.environ.get("RANK", "0") not in ("", "0"):
        return False
    number = int(epoch) if float(epoch).is_integer() else float(epoch)
    line = json.dumps({"epoch": number, **{name: float(value) for name, value in metrics.items()}})
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")
    return _answer(Path(path)) if os.environ.get("TUNER_WAIT") else _said(Path(path))[1]


def _answer(path: Path) -> bool:
    """The tuner's answer to all that was reported."""
    reported = path.read_bytes().count(b"\n")
    until = time.monotonic() + _LONGEST_WAIT
    while (answer := _said(path))[0] < reported and time.monotonic() < until:
        time.sleep(0.005)
    return answer[1]


def _said(path: Path) -> tuple[int, bool]:
    """How many reports the tuner has answered, and whether to stop."""
    try:
        count, stop = path.with_suffix(".answer").read_text().split()
        return int(count), stop == "1"
    except (OSError, ValueError):
        return 0, False

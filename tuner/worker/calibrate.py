"""How many trials a worker trains at once: measured once, then kept with the study.

The number decides which trials the sampler has seen when it is asked, and fused training differs from one by one in
its rounding. So what was measured goes into the study and into a file in its state folder, and whoever goes on, or
makes a study like it there, goes by that: timing never decides twice.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna

from trainer.calibrate import Choice, calibrate, can_fuse
from trainer.tensors import TensorData
from tuner.spec.model import Spec
from tuner.storage import lease, opening
from tuner.storage.record import Population, StudyRecord, write_study
from tuner.system import device as devices
from tuner.system import provenance
from tuner.worker.checkpoint import identity

FILE = "calibration.json"
WAIT = 60.0
"""Seconds to wait for another worker that measures."""


def choice(
    study: optuna.Study,
    state: Path,
    spec: Spec,
    data: TensorData | None,
    device: str,
    say: Callable[[str], None],
    *,
    given: int | None = None,
    most: int,
) -> Choice:
    """How this worker trains: as `given`, as the study says, or as is fastest.

    most: the largest number to try where the study does not say. Trainings without a batched form go one by one.
    """
    asked = StudyRecord.of(study).population or Population(None, most)
    fits = data is not None and can_fuse(spec.model)
    if wanted := given or asked.asked:
        return Choice(wanted, fits and wanted > 1)
    if not fits:
        return Choice()
    assert data is not None
    deadline = time.monotonic() + WAIT
    while True:
        known = StudyRecord.of(study).populations.get(_where(device))
        if known is not None:
            return Choice(**known)
        with lease.locked(study._storage, f"{opening.LOCK}{study.study_name}:calibration") as mine:
            if mine and _where(device) not in (chosen := StudyRecord.of(study).populations):
                found = _measured(state, spec, data, device, asked.most)
                write_study(study, populations={**chosen, _where(device): asdict(found)})
                say(describe(found))
                return found
        if time.monotonic() > deadline:
            # Whoever measured is gone; so is its lock then.
            lease.unlock(study._storage, f"{opening.LOCK}{study.study_name}:calibration")
            deadline = time.monotonic() + WAIT
        time.sleep(0.1)


def describe(found: Choice) -> str:
    """A choice for people."""
    how = f"{found.size} at a time, as one model" if found.fused else f"{found.size} at a time"
    return how if found.gain is None else f"{how} (measured: {found.gain:.2f} times as fast as one by one)"


def groups(count: int, found: Choice) -> list[slice]:
    """`count` members in groups of about the size that was chosen, near-equal ones."""
    number = max(1, round(count / found.size)) if found.fused else 1
    ends = [round(count * i / number) for i in range(number + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def _measured(state: Path, spec: Spec, data: TensorData, device: str, most: int) -> Choice:
    """From the state folder where it is known, else by trying."""
    facts: dict[str, Any] = {
        "model": spec.model,
        "batch": spec.training.batch_size,
        "every": spec.training.conflict_every,
    }
    facts |= {"amp": spec.training.amp, "rows": [len(part) for part in data.sequences], "views": data.widths}
    facts |= {"classes": data.n_classes, "labelled": data.fully_labelled, "context": data.context, "most": most}
    facts |= {"where": _where(device), "machine": _machine(), "torch": provenance.versions()["torch"]}
    key, file = identity(**facts), state / FILE
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        known = json.loads(file.read_text())
    if key in known:
        return Choice(**known[key])
    assert can_fuse(spec.model)
    found = calibrate(data, spec.model, spec.training, most=most)  # type: ignore[arg-type]
    with suppress(OSError):
        fresh = file.with_suffix(f".{time.time_ns()}.tmp")
        fresh.write_text(json.dumps({**known, key: asdict(found)}))
        fresh.replace(file)
    return found


def _where(device: str) -> str:
    return devices.describe(device)


@functools.cache
def _machine() -> str:
    """What computes here: the processor's name and the cores."""
    name = platform.processor()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{name}, {os.cpu_count()} cores"

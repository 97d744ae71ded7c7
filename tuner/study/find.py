"""Which study is meant, and what the next command needs to find it again."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import InputError
from tuner.storage.store import Store
from tuner.system.masking import has_password
from tuner.system.place import STATE

if TYPE_CHECKING:
    from tuner.storage.record import Runs
    from tuner.system.place import Place


def existing(place: Place) -> Place:
    """The same place; InputError where nothing was started there. Looking must not make an empty state folder."""
    if not place.made:
        raise InputError(f"no study in {place.state} yet; make one with: tuner start{options(place)}")
    return place


def latest(where: Place | Store) -> str:
    """The study that was made last."""
    from tuner.storage.record import StudyRecord  # Optuna, which `--help` need not wait for

    made = next((s.study_name for s in Store.of(where).newest_first() if StudyRecord.of(s).whole), None)
    if made is None:
        raise InputError("no study yet; make one with: tuner start")
    return made


def validations(where: Place | Store, most: int = 3) -> list[tuple[str, Runs]]:
    """(name, ids of its experiment and run in MLflow) of the validations in a storage, the latest first."""
    from tuner.storage.record import ValidationRecord  # Optuna, which `--help` need not wait for

    newest = [s for s in Store.of(where).newest_first() if ValidationRecord.of(s).whole][:most]
    return [(s.study_name, runs) for s in newest if (runs := ValidationRecord.of(s).runs) is not None]


def options(place: Place) -> str:
    """What the next command needs to find the same state, as text that a shell takes; never a password."""
    found = {"--state": (str(place.state), str(Path(os.environ.get("TUNER_STATE", STATE)).absolute()))}
    usual = type(place).at(place.state)
    found["--storage"] = place.storage, os.environ.get("TUNER_STORAGE") or usual.storage
    found["--tracking-uri"] = place.tracking, os.environ.get("TUNER_TRACKING_URI") or usual.tracking
    text = ""
    for flag, (value, known) in found.items():
        if value != known:
            secret = has_password(value)
            variable = f'"$TUNER_{flag.removeprefix("--").replace("-", "_").upper()}"'
            text += f" {flag} {variable if secret else shlex.quote(value)}"
    return text

"""Which study is meant, and what the next command needs to find it again."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import InputError
from tuner.system.masking import has_password
from tuner.system.place import STATE

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from tuner.system.place import Place


def existing(place: Place) -> Place:
    """The same place; InputError where nothing was started there. Looking must not make an empty state folder."""
    if not place.made:
        raise InputError(f"no study in {place.state} yet; make one with: tuner start{options(place)}")
    return place


def latest(place: Place, opened_storage: BaseStorage | None = None) -> str:
    """The study that was made last; opened_storage: the place's storage where it is open already."""
    from tuner.storage.opening import open_storage

    storage = opened_storage or open_storage(place.storage)
    made = {s._study_id: s.study_name for s in storage.get_all_studies() if "spec" in s.user_attrs}
    if not made:
        raise InputError("no study yet; make one with: tuner start")
    return str(made[max(made)])


def validations(place: Place, most: int = 3) -> list[tuple[str, dict[str, str]]]:
    """(name, ids of its experiment and run in MLflow) of the validations in a storage, the latest first."""
    from tuner.storage.opening import open_storage

    found = [s for s in open_storage(place.storage).get_all_studies() if "validation" in s.user_attrs]
    latest = sorted(found, key=lambda s: -s._study_id)[:most]
    return [(s.study_name, s.user_attrs["mlflow"]) for s in latest if "mlflow" in s.user_attrs]


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

"""What the parts of the Python API share: where studies live, and where progress goes."""

from __future__ import annotations

import os
from pathlib import Path

from tuner.system.output import Terminal
from tuner.system.place import Place


def console() -> Terminal:
    """Where progress goes: plain lines in a notebook, where rich would make a table of each."""
    return Terminal(force_jupyter=False)


def place_of(state: str | Path | None, storage: str | None, tracking_uri: str | None) -> Place:
    """Where studies live, with the command line's defaults."""
    folder = Path(state if state is not None else os.environ.get("TUNER_STATE") or "mlruns")
    return Place.at(
        folder,
        storage or os.environ.get("TUNER_STORAGE") or None,
        tracking_uri or os.environ.get("TUNER_TRACKING_URI") or None,
    )

"""Plots of a study, one file each: its name is that of the PNG, its `draw` makes the figure.

matplotlib is imported where a figure is drawn, so that the command line starts fast, and only as Figure objects:
no pyplot, no global state, no display.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.study import Study

DPI = 120


def write(study: Study, folder: Path) -> list[Path]:
    """Draw every plot for which the study has enough data into `folder`; returns the files."""
    from trainer.registry import load, names
    from tuner.plots._view import View

    view = View.of(study)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names(__name__):
        figure = load(__name__, name, "plot").draw(view)
        if figure is not None:
            written.append(folder / f"{name}.png")
            figure.savefig(written[-1], dpi=DPI)
    return written

"""Plots of a study, one file each: its name is that of the PNG, its `draw` makes the figure.

matplotlib is imported where a figure is drawn, so that the command line starts fast, and only as Figure objects:
no pyplot, no global state, no display.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tuner.study import Study

DPI = 120
LARGEST = 200_000
"""Bytes of a PNG: a report with all of them still goes by mail."""


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
            _save(figure, written[-1])
    return written


def _save(figure: Figure, path: Path) -> None:
    """Write a PNG of few colours, which takes a third of the size; of fewer still where many lines make it large."""
    from io import BytesIO

    from PIL import Image

    drawn = BytesIO()
    figure.savefig(drawn, dpi=DPI)
    image = Image.open(drawn).convert("RGB")
    for colors in (256, 64, 24):
        image.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True, dpi=(DPI, DPI))
        if path.stat().st_size < LARGEST:
            return

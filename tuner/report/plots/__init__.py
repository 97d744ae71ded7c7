"""Plots of a study, one file each: its name is that of the PNG, its `draw` makes the figure.

matplotlib is imported where a figure is drawn, so that the command line starts fast, and only as Figure objects:
no pyplot, no global state, no display.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tuner.report.plots._view import View
    from tuner.study.study import Study

DPI = 120
LARGEST = 200_000
"""Bytes of a PNG: a report with all of them still goes by mail."""


def write(study: Study, folder: Path) -> list[Path]:
    """Draw every plot for which the study has enough data into `folder`; returns the files."""
    from tuner.report.plots._view import View

    view = View.of(study)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names():
        figure = draw(view, name)
        if figure is not None:
            written.append(folder / f"{name}.png")
            written[-1].write_bytes(png(figure))
    return written


def names() -> list[str]:
    """The plots there are."""
    from trainer.registry import names

    return names(__name__)


def draw(view: View, name: str) -> Figure | None:
    """One plot; None where the study has not enough data for it yet. Raises InputError for an unknown name."""
    from trainer.registry import load

    figure: Figure | None = load(__name__, name, "plot").draw(view)
    return figure


def png(figure: Figure) -> bytes:
    """A PNG of few colours, which takes a third of the size; of fewer still where many lines make it large."""
    from io import BytesIO

    from PIL import Image

    drawn = BytesIO()
    figure.savefig(drawn, dpi=DPI)
    image = Image.open(drawn).convert("RGB")
    found = b""
    for colors in (256, 64, 24):
        written = BytesIO()
        image.quantize(colors, dither=Image.Dither.NONE).save(written, "PNG", optimize=True, dpi=(DPI, DPI))
        found = written.getvalue()
        if len(found) < LARGEST:
            break
    return found

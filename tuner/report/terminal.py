"""Lines at the bottom of a terminal that are drawn anew, with lasting lines above them; it survives resizing.

rich's own live display counts lines as they were when it drew them: a terminal that becomes narrower breaks them, and
pieces stay behind. Here the lines that are to be erased are counted as they lie now.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.text import Text

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
NARROWEST = 20


class Region:
    """Use as a context manager on a console that is a terminal: the region is gone at its end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._widths: list[int] = []

    def __enter__(self) -> Region:
        self._write(HIDE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(self._erase() + SHOW)

    def say(self, *lasting: Text | str) -> None:
        """Print lines that stay, in place of the region; the next `draw` puts it below them."""
        self._write(self._erase())
        for text in lasting:
            self.console.print(text, no_wrap=True, overflow="ellipsis", crop=True, highlight=False)

    def draw(self, lines: Sequence[Text], lasting: Sequence[Text] = ()) -> None:
        """Replace the region, each line cut to the width of the terminal; `lasting` lines go above it and stay."""
        width = max(self.console.width - 1, NARROWEST)  # a full line would make some terminals begin another
        shown = []
        for line in lines[: max(self.console.height - 1, 1)]:
            cut = line.copy()
            cut.truncate(width, overflow="ellipsis")
            shown.append(cut)
        # In one piece, so that nothing flickers.
        with self.console.capture() as drawn:
            for text in lasting:
                self.console.print(text, no_wrap=True, overflow="ellipsis", crop=True, highlight=False)
            for text in shown:
                self.console.print(text, no_wrap=True, overflow="ignore", crop=False, highlight=False)
        self._write(self._erase() + drawn.get())
        self._widths = [text.cell_len for text in shown]

    def _erase(self) -> str:
        """Codes that move to the first line of the region and clear from there on."""
        width = max(self.console.width, 1)
        rows = sum(max(1, -(-cells // width)) for cells in self._widths)
        self._widths = []
        return f"\x1b[{rows}A\r\x1b[J" if rows else ""

    def _write(self, codes: str) -> None:
        self.console.file.write(codes)
        self.console.file.flush()

"""What goes out to a terminal or a log: shown as it is, never obeyed, whatever the names in it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from trainer.text import printable

LAYOUT = "\n\t"
LONGEST = 2000
"""Characters of an error message: what a file holds must not fill a screen."""


class Terminal(Console):
    """A console for which text is text: no markup, no emoji codes, no control characters from outside."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As in rich, with what cannot be seen spelt out."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text, keep=LAYOUT), segment.style)


def say(text: str) -> None:
    """A line of a log."""
    print(printable(text, keep=LAYOUT), flush=True)


def shortened(text: str, longest: int = LONGEST) -> str:
    """The beginning and the end of a long message."""
    if len(text) <= longest:
        return text
    head, tail = longest * 3 // 5, longest // 5
    return f"{text[:head]} ... ({len(text) - head - tail:,} characters) ... {text[-tail:]}"


def tolerant() -> None:
    """What the terminal's encoding does not have is spelt instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

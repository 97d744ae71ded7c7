"""The lines that another process appends to a file."""

from __future__ import annotations

import re
from pathlib import Path

LARGEST_LOOK = 16 * 2**20
"""Bytes that are read at once; the rest at the next look."""
LONGEST_REST = 2**20
"""Bytes of a line that has not ended that are kept."""
_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|[\x00-\x08\x0e-\x1f\x7f]")


def plain(text: str) -> str:
    """Without the codes that colour a terminal or move its cursor."""
    return _CODES.sub("", text)


class Tail:
    """The lines that another process appends to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at, self._rest = 0, b""

    def lines(self, final: bool = False) -> list[str]:
        """Complete lines since the last call; `final`: what is left, complete or not. A progress bar's carriage
        return ends a line too. None while there is no file; from the start where the file was written anew."""
        found: list[str] = []
        while True:
            new = self._read()
            *whole, self._rest = re.split(rb"[\r\n]+", self._rest + new)
            self._rest = self._rest[-LONGEST_REST:]
            found += [line.decode(errors="replace") for line in whole if line]
            if len(new) < LARGEST_LOOK or not final:
                break
        if final and self._rest:
            found.append(self._rest.decode(errors="replace"))
            self._rest = b""
        return found

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._at:
                    self._at, self._rest = 0, b""
                file.seek(self._at)
                new = file.read(LARGEST_LOOK)
        except OSError:
            return b""
        self._at += len(new)
        return new

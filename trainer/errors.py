"""Errors that a person who uses the product can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class InputError(ValueError):
    """What the user gave (a file, a field, a flag) is wrong; the message is meant for them."""


class UserCodeError(RuntimeError):
    """The user's own model or script failed; the message is all that they need, with their own traceback if any."""

    log: Path | None = None
    """what a script said"""


def unknown(what: str, found: object, exist: Iterable[str]) -> str:
    """The message for a name that does not exist: what was found, what was perhaps meant, what there is."""
    there = sorted(exist)
    close = difflib.get_close_matches(str(found), there, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"unknown {what} {found!r}.{hint} There are: {', '.join(there) or 'none'}"

"""Why a script failed: the exception's own line, which is seldom the last of a log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuner.worker.script.lines import plain

_TRACEBACK = re.compile(r"^\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\)")
_RANK = re.compile(r"^\[(?:rank|default)\d+\]:\s?")
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Failure|Exit)\b(?::|$)")
_WRAPPERS = ("ChildFailedError", "CalledProcessError", "SystemExit", "ProcessRaisedException", "ProcessExitedException")
"""What a launcher raises because another process failed: that one's reason is wanted."""
_NOISE = re.compile(r"^[^A-Za-z]*$|HYDRA_FULL_ERROR|^During handling of|^The above exception|^\d+%\|")
LONGEST = 300


def cause(lines: Sequence[str]) -> str:
    """The line of a log that says why a script failed: the last exception's, else the last line that says anything;
    empty where none does."""
    said = [_RANK.sub("", plain(line)).rstrip() for line in lines]
    found = _after_tracebacks(said) or [line.strip() for line in said if _EXCEPTION.match(line.strip())]
    own = [line for line in found if not line.split(":")[0].endswith(_WRAPPERS)]
    if own or found:
        return (own or found)[-1][:LONGEST]
    telling = [line.strip() for line in said if line.strip() and not _NOISE.search(line.strip())]
    anything = [line.strip() for line in said if line.strip()]
    return (telling or anything or [""])[-1][:LONGEST]


def _after_tracebacks(lines: Sequence[str]) -> list[str]:
    """The first line after each traceback's frames, which are indented."""
    found, inside = [], False
    for line in lines:
        if _TRACEBACK.match(line):
            inside = True
        elif inside and line.strip() and not line.startswith((" ", "\t", "|")):
            found.append(line.strip())
            inside = False
    return found

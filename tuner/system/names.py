"""Names that become files and folders: checked, so that nothing is ever written outside the state folder."""

from __future__ import annotations

import re
from pathlib import Path

from tuner.errors import InputError

_ALLOWED = re.compile(r"\w[\w .()+=,@-]*")
LONGEST = 180
"""In bytes; with what is added to it, a file's name stays below the 255 that file systems take."""


def check(name: str) -> str:
    """The name of a study, or InputError where it is none: letters and digits of any language, spaces and .()+=,@-_"""
    size = len(name.encode(errors="replace"))
    if size > LONGEST:
        raise InputError(f"the name of a study has at most {LONGEST} bytes; found {size}: {name[:40]!r}...")
    if not _ALLOWED.fullmatch(name) or ".." in name or name[-1] in " .":
        raise InputError(
            f"{name!r} cannot be the name of a study: expected letters, digits, spaces and . ( ) + = , @ - _, "
            "beginning with a letter or digit, without '..' and not ending with a space or dot; choose another --name"
        )
    return name


def inside(folder: Path, *parts: str) -> Path:
    """A path below a folder, resolved. Raises InputError where it would lie elsewhere, by `..`, a slash or a link."""
    path = folder.joinpath(*parts).resolve()
    if not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise InputError(f"{'/'.join(parts)!r} would lie outside {folder}")
    return path

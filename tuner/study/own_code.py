"""The user's own code: said in a line before it runs, and tried out before a study is made of it."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from trainer.own_config import OwnModel
from tuner.spec.command import GIVEN, Command
from tuner.spec.model import Spec

MOST_SOURCES = 500
"""Files of the user's own that are looked at."""


def notice(spec: Spec) -> str | None:
    """What of the user's own a study runs, in one line; None for a study that runs nothing but the tuner itself."""
    if spec.function is not None:
        return f"runs a function of your own: {spec.function}"
    if spec.command is not None:
        return f"runs a command of your own, in {spec.script.directory}: {' '.join(spec.command.split())}"
    return f"runs code of your own: {spec.model.file}" if isinstance(spec.model, OwnModel) else None


def files(spec: Spec) -> list[Path]:
    """The files that the study names: the model's, or those that stand in the command."""
    if isinstance(spec.model, OwnModel):
        return [Path(spec.model.path)]
    if spec.function is not None:
        return [Path(spec.function.rpartition(":")[0])]
    return [path for path in named_paths(spec) if path.is_file()]


def sources(spec: Spec) -> dict[str, Path]:
    """The files of `files` and the local modules that they import, also by way of each other, by a name that is the
    same wherever the folder lies."""
    found = {path.name: path for path in files(spec) if path.is_file()}
    waiting = [path for path in found.values() if path.suffix == ".py"]
    base = spec.script.base if spec.command is not None else Path(".")
    while waiting and len(found) < MOST_SOURCES:
        path = waiting.pop()
        for module in _imported(path, base):
            name = os.path.relpath(module, path.parent if base == Path(".") else base)
            if module not in found.values():
                found[Path(name).as_posix()] = module
                waiting.append(module)
    return found


def _imported(path: Path, base: Path) -> list[Path]:
    """Files of the modules that a file imports and that lie beside it or below a folder."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    wanted: list[tuple[Path, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted += [(root, alias.name) for alias in node.names for root in (path.parent, base)]
        elif isinstance(node, ast.ImportFrom):
            roots = [path.parents[node.level - 1]] if 0 < node.level <= len(path.parents) else [path.parent, base]
            names = [node.module] if node.module else []
            names += [f"{node.module}.{alias.name}" if node.module else alias.name for alias in node.names]
            wanted += [(root, name) for name in names for root in roots]
    places = [root.joinpath(*name.split(".")) for root, name in dict.fromkeys(wanted)]
    there = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return list(dict.fromkeys(file.resolve() for file in there))


def fingerprints(spec: Spec) -> dict[str, str]:
    """16 hex digits of the content of each file, and of the local modules that it imports, by their names."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in sources(spec).items()}


def changed(before: Mapping[str, str], spec: Spec) -> list[str]:
    """Names of the files that have changed since `fingerprints` gave what it was before."""
    now = fingerprints(spec)
    return sorted(name for name in before if now.get(name) != before[name])


def words(spec: Spec) -> list[str]:
    """The command's words, its placeholders filled with anything: what is no placeholder is as it will be."""
    assert spec.command is not None
    filling = dict.fromkeys([*spec.vocabulary.knobs, *GIVEN], "")

    return Command(spec.command).words({**filling, "python": sys.executable})


def named_paths(spec: Spec) -> list[Path]:
    """Paths that stand in the command as they are."""
    if spec.command is None or spec.function is not None:
        return []
    directory = spec.script.base
    return [directory / word for word in words(spec)[1:] if word and not word.startswith("-")]


def program(word: str, directory: Path, env: Mapping[str, str]) -> str | None:
    """The file that a command's first word runs; None where there is none."""
    if os.sep in word:
        path = directory / word
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None
    return shutil.which(word, path=env.get("PATH", os.defpath))

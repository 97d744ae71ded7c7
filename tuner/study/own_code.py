"""The user's own code: said in a line before it runs, and tried out before a study is made of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from trainer.own_config import OwnModel
from tuner.spec.command import GIVEN, Command
from tuner.spec.model import Spec


def notice(spec: Spec) -> str | None:
    """What of the user's own a study runs, in one line; None for a study that runs nothing but the tuner itself."""
    if spec.command is not None:
        return f"runs a command of your own, in {spec.script.directory}: {' '.join(spec.command.split())}"
    return f"runs code of your own: {spec.model.file}" if isinstance(spec.model, OwnModel) else None


def files(spec: Spec) -> list[Path]:
    """The files that the study names: the model's, or those that stand in the command."""
    if isinstance(spec.model, OwnModel):
        return [Path(spec.model.path)]
    return [path for path in named_paths(spec) if path.is_file()]


def fingerprints(spec: Spec) -> dict[str, str]:
    """16 hex digits of the content of each file, by its name; what they import is not looked at."""
    there = [path for path in files(spec) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in there}


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
    if spec.command is None:
        return []
    directory = spec.script.base
    return [directory / word for word in words(spec)[1:] if word and not word.startswith("-")]


def program(word: str, directory: Path, env: Mapping[str, str]) -> str | None:
    """The file that a command's first word runs; None where there is none."""
    if os.sep in word:
        path = directory / word
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None
    return shutil.which(word, path=env.get("PATH", os.defpath))

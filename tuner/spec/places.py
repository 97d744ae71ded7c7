"""The paths that a study names: its data, its model's file, its script's folder. They are stored as absolute ones, and
found again where the state folder or the whole project has been moved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from trainer.own_config import OwnModel
from tuner.spec.model import Spec

DATA, MODEL, SCRIPT = "data.path", "model.file", "script.directory"


def of(spec: Spec) -> dict[str, Path]:
    """The paths by the field that holds them."""
    found: dict[str, Path] = {}
    if spec.command is not None:
        found[SCRIPT] = Path(spec.script.directory)
    elif spec.data.path is not None:
        found[DATA] = Path(spec.data.path)
    if isinstance(spec.model, OwnModel):
        found[MODEL] = Path(spec.model.path)
    return found


def with_paths(spec: Spec, paths: Mapping[str, Path]) -> Spec:
    """The spec with other paths; nothing else of it changes."""
    update: dict[str, object] = {}
    if DATA in paths:
        update["data"] = spec.data.model_copy(update={"path": str(paths[DATA])})
    if SCRIPT in paths:
        update["script"] = spec.script.model_copy(update={"directory": str(paths[SCRIPT])})
    if MODEL in paths and isinstance(spec.model, OwnModel):
        update["model"] = replace(spec.model, file=f"{paths[MODEL]}:{spec.model.name}")
    return spec.model_copy(update=update)


def bare(spec: Spec) -> Spec:
    """The spec with names in place of paths: the same for a project that was moved."""
    return with_paths(spec, {field: Path("." if field == SCRIPT else path.name) for field, path in of(spec).items()})


def beside(spec: Spec, before: Path, state: Path) -> dict[str, Path]:
    """Where the files of a project would be that was moved together with its state folder.

    before: the state folder as it was called when the paths were stored; state: as it is called now.
    """
    if before == state:
        return {}
    return {field: Path(os.path.normpath(state / os.path.relpath(path, before))) for field, path in of(spec).items()}


def below(spec: Spec, project: Path) -> dict[str, Path]:
    """Paths in the folder `project` that end as those that are not where they were; the longest such ending counts."""
    found: dict[str, Path] = {}
    for field, path in of(spec).items():
        if path.exists():
            continue
        tails = [Path(*path.parts[i:]) for i in range(1, len(path.parts) + (field == SCRIPT))]
        there = [project / tail for tail in tails if (project / tail).exists()]
        if there:
            found[field] = there[0]
    return found

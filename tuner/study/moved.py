"""A study whose files are elsewhere by now: its project was renamed, copied, or lies elsewhere on this machine.

A study knows its files by what they hold: where the fingerprints are the same, another path is the same study.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.spec import places
from tuner.spec.model import Spec
from tuner.study import own_code
from tuner.system.place import Place

STATE = "state_folder"
"""Attribute of a study and of a validation: the state folder when the paths in it were written down."""


def here(spec: Spec, attrs: Mapping[str, Any], place: Place) -> Spec:
    """The spec with the paths that its files have here and now; what is nowhere keeps its path.

    attrs: of the study or validation that holds the spec.
    """
    if STATE in attrs:
        # A copy of a project has its own files, also while the original is still there.
        moved = places.beside(spec, Path(attrs[STATE]), place.state)
        spec = places.with_paths(
            spec, {field: path for field, path in moved.items() if _serves(spec, field, path, attrs)}
        )
    return places.with_paths(spec, places.below(spec, place.project)) if place.project else spec


def _serves(spec: Spec, field: str, path: Path, attrs: Mapping[str, Any]) -> bool:
    """Whether what lies at another path can be meant."""
    if field != places.SCRIPT:
        return path.exists()
    # Nearly every path to a folder leads to some folder.
    known = attrs.get("code") or {}
    if not path.is_dir() or not known:
        return path.is_dir() and not Path(spec.script.directory).is_dir()
    return known.keys() <= own_code.fingerprints(places.with_paths(spec, {field: path})).keys()

"""A study whose files are elsewhere by now: its project was renamed, copied, or lies elsewhere on this machine.

A study knows its files by what they hold: where the fingerprints are the same, another path is the same study.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tuner.spec import places
from tuner.spec.model import Spec
from tuner.study import own_code
from tuner.system.place import Place


def here(spec: Spec, state_folder: Path | None, code: Mapping[str, str], place: Place) -> Spec:
    """The spec with the paths that its files have here and now; what is nowhere keeps its path.

    state_folder: when the paths in the spec were written down; code: fingerprint of each file of the user's own code.
    """
    if state_folder is not None:
        # A copy of a project has its own files, also while the original is still there.
        moved = places.beside(spec, state_folder, place.state)
        spec = places.with_paths(
            spec, {field: path for field, path in moved.items() if _serves(spec, field, path, code)}
        )
    return places.with_paths(spec, places.below(spec, place.project)) if place.project else spec


def _serves(spec: Spec, field: str, path: Path, known: Mapping[str, str]) -> bool:
    """Whether what lies at another path can be meant."""
    if field != places.SCRIPT:
        return path.exists()
    # Nearly every path to a folder leads to some folder.
    if not path.is_dir() or not known:
        return path.is_dir() and not Path(spec.script.directory).is_dir()
    return known.keys() <= own_code.fingerprints(places.with_paths(spec, {field: path})).keys()

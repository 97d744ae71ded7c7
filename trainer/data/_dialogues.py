"""From dialogues, as feature pickles hold them, to rows."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import _unpickle
from trainer.data._raw import Raw
from trainer.errors import InputError

IEMOCAP = ("hap", "sad", "neu", "ang", "exc", "fru")
MELD = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue as found: each value goes over its utterances.

    views: (m, d_v) by view name, as an array, tensors or lists; labels (m,) whole numbers; speakers (m,) words or
    numbers, or (m, S) one-hot; split: 0 train, 1 validation, 2 test.
    """

    id: object
    views: Mapping[str, Any]
    labels: Any
    speakers: Any
    split: int


def read(path: str, source: str, matches: Callable[[object], bool], form: str, make: Callable[[Any], Raw]) -> Raw:
    """Unpickle, check that the content is in the `form` that `matches` knows, and `make` Raw of it, named by the file.

    Raises InputError, with the path, for anything that is wrong with the file.
    """
    try:
        found = _unpickle.load(path)
        if not matches(found):
            raise InputError(f"not in the format of source {source!r}: expected {form}; found {describe(found)}")
        raw = make(found)
    except InputError as error:
        raise InputError(f"data file {path}: {error}") from None
    return dataclasses.replace(raw, name=Path(path).stem)


def describe(found: object, depth: int = 1) -> str:
    """What a pickle holds, in a few words that lead to its format."""
    kind = type(found).__name__
    if _unpickle.is_sample(found):
        return f"a Sample with {_some(vars(found))}"
    if isinstance(found, dict):
        inside = f", the first one {describe(next(iter(found.values())), 0)}" if found and depth else ""
        return f"a dict of {len(found)} with keys {_some(found)}{inside}" if found else "an empty dict"
    if isinstance(found, np.ndarray):
        return f"an array of shape {found.shape} and dtype {found.dtype}"
    if isinstance(found, (list, tuple)):
        if not found:
            return f"an empty {kind}"
        if len(found) <= 12 and depth:
            return f"a {kind} of {len(found)}: {', '.join(type(item).__name__ for item in found)}"
        return f"a {kind} of {len(found)}" + (f", the first one {describe(found[0], 0)}" if depth else "")
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def rows(dialogues: Sequence[Dialogue]) -> Raw:
    """All utterances, dialogue after dialogue, in the order given; the dialogue's number is its place in that order.

    Raises InputError, with the dialogue's id, where lengths or widths differ.
    """
    if not dialogues:
        raise InputError("expected at least one dialogue, found none")
    views: dict[str, list[NDArray[Any]]] = {}
    labels, speakers, sizes, parts = [], [], [], []
    for dialogue in dialogues:
        where = f"dialogue {dialogue.id!r}"
        y = _array(f"{where}: labels", dialogue.labels)
        if y.ndim != 1:
            raise InputError(f"{where}: expected one label an utterance, found labels of shape {y.shape}")
        if not len(y):
            _check_empty(where, dialogue.views)
            continue
        labels.append(y)
        sizes.append(len(y))
        parts.append(dialogue.split)
        for name, given in dialogue.views.items():
            view = _array(f"{where}: {name}", given)
            _check_view(where, name, view, len(y), views.get(name))
            views.setdefault(name, []).append(view.astype(np.float32))
        speakers.append(_speakers(where, dialogue.speakers, len(y)))
    if not labels:
        raise InputError("expected at least one utterance, found only empty dialogues")
    return Raw(
        "",
        {name: np.concatenate(found) for name, found in views.items()},
        np.concatenate(labels),
        split=np.repeat(parts, sizes),
        dialogue=np.repeat(np.arange(len(sizes)), sizes),
        speaker=np.unique(np.concatenate(speakers), return_inverse=True)[1],
    )


def _check_empty(where: str, views: Mapping[str, Any]) -> None:
    """A dialogue without labels is left out only where it has no rows either. Raises InputError."""
    sizes = {name: len(view) for name, view in views.items() if hasattr(view, "__len__") and len(view)}
    if sizes:
        found = ", ".join(f"{name} of {size} rows" for name, size in sizes.items())
        raise InputError(f"{where}: found no labels beside {found}; give each row a label (-1 for none), or drop it")


def _array(what: str, given: Any) -> NDArray[Any]:
    try:
        found = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (TypeError, ValueError):
        found = np.empty(0, dtype=object)
    if found.dtype == object and found.size:
        # An object array of equal rows is an ordinary one in disguise.
        with contextlib.suppress(TypeError, ValueError):
            found = np.asarray([np.asarray(item, np.float64) for item in found])
    if found.dtype.kind not in "biuf":
        raise InputError(f"{what}: expected numbers, one row of the same length an utterance; found {describe(given)}")
    return found


def _check_view(where: str, name: str, view: NDArray[Any], n: int, before: Sequence[NDArray[Any]] | None) -> None:
    if view.ndim != 2 or len(view) != n:
        raise InputError(
            f"{where}: expected {name} of {n} rows, as there are {n} labels; found an array of shape {view.shape}"
        )
    if before and before[0].shape[1] != view.shape[1]:
        raise InputError(
            f"{where}: expected {name} of {before[0].shape[1]} columns, as in the first dialogue; found {view.shape[1]}"
        )


def _speakers(where: str, given: Any, n: int) -> NDArray[Any]:
    """One word a row; one-hot rows become the place of their 1."""
    try:
        found = np.asarray(list(given))
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim == 2 and found.dtype.kind in "biuf":
        found = found.argmax(axis=1)
    if found.ndim != 1 or len(found) != n:
        raise InputError(f"{where}: expected {n} speakers, as there are {n} labels; found shape {found.shape}")
    return found.astype(str)


def in_order(ids: Iterable[Any]) -> list[Any]:
    """Sorted, since the ids may come as a set, whose order changes from run to run."""
    try:
        return sorted(ids)
    except TypeError:
        return sorted(ids, key=str)


def is_ids(thing: object) -> bool:
    """Whether a thing can be a collection of dialogue ids."""
    if not isinstance(thing, (list, tuple, set, frozenset)) and not (isinstance(thing, np.ndarray) and thing.ndim == 1):
        return False
    return all(isinstance(name, (str, int, np.generic)) for name in thing)


def check_ids(parts: Mapping[str, Collection[Any]], known: Mapping[Any, Any]) -> None:
    """Raise InputError where an id is in two parts or has no features."""
    seen: dict[Any, str] = {}
    for part, ids in parts.items():
        for name in in_order(ids):
            if name in seen and seen[name] != part:
                raise InputError(f"dialogue {name!r} is in {seen[name]} and in {part}; expected it in one of them")
            if name not in known:
                raise InputError(
                    f"dialogue {name!r} is in {part} but has no labels; those that have are {_some(in_order(known))}"
                )
            seen[name] = part


def _some(items: Iterable[object], limit: int = 8) -> str:
    shown = [str(item) for item in items]
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")

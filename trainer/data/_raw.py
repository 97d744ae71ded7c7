"""From what a source hands over to a Dataset."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import _checks
from trainer.data.dataset import UNLABELLED, Dataset
from trainer.data.splits import SHARE, hide_labels, make_split
from trainer.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What a source yields, unchecked.

    views        (n, d_v) numbers of any real dtype by view name
    y            (n,) whole numbers; -1 is unlabelled; a class code is an index into label_names
    split        (n,) 0 train, 1 validation, 2 test; or only 0 and 2, where validation is cut from 0; or None
    dialogue     (n,) whole numbers or None; the rows of a dialogue are in order
    speaker      (n,) whole numbers or None
    label_names  a name for each class code, or None
    terms        terms of use and origin, "" where unknown
    validation   share of the training rows (of whole dialogues) that is cut where `split` has only 0 and 2
    identity     what decides the content, where views are computed and so may differ in their last digits from one
                 machine to the next; the fingerprint is made of it instead of the values
    """

    name: str
    views: Mapping[str, NDArray[Any]]
    y: NDArray[Any]
    split: NDArray[Any] | None = None
    dialogue: NDArray[Any] | None = None
    speaker: NDArray[Any] | None = None
    label_names: Sequence[str] | None = None
    terms: str = ""
    validation: float = SHARE
    identity: str = ""


def build(raw: Raw, *, seed: int, labels: float = 1.0) -> Dataset:
    """Check `raw`, split it by `seed`, and keep the share `labels` (0 < labels <= 1) of the training labels.

    Raises InputError, with the name of the data, at the first thing that is wrong.
    """
    if not 0.0 < labels <= 1.0:
        raise InputError(f"labels: expected a share above 0 and up to 1, found {labels}")
    if seed < 0:
        raise InputError(f"seed: expected 0 or more, found {seed}")
    try:
        return _build(raw, seed, labels)
    except InputError as error:
        raise InputError(f"data {raw.name!r}: {error}") from None


def _build(raw: Raw, seed: int, share: float) -> Dataset:
    views = _checks.views({_checks.name("view", name): view for name, view in raw.views.items()})
    codes = _checks.y(raw.y)
    given = None if raw.split is None else _checks.split(raw.split)
    dialogue = None if raw.dialogue is None else _checks.integers("dialogue", raw.dialogue)
    speaker = None if raw.speaker is None else _checks.integers("speaker", raw.speaker)
    first, rows = next((name, len(view)) for name, view in views.items())
    columns = {"y": codes, "split": given, "dialogue": dialogue, "speaker": speaker}
    for name, column in columns.items():
        if column is not None:
            _checks.same_length(name, len(column), f"view {first!r}", rows)

    classes = np.unique(codes[codes != UNLABELLED])
    names = _checks.label_names(raw.label_names, classes)
    labels = np.where(codes == UNLABELLED, UNLABELLED, np.searchsorted(classes, codes)).astype(np.int64)
    split = make_split(labels, dialogue, given, seed, raw.validation)
    _checks.coverage(labels, split, names)
    return Dataset(
        name=raw.name,
        views=views,
        labels=hide_labels(labels, split, share, seed),
        split=split,
        dialogue=dialogue,
        speaker=speaker,
        label_names=names,
        fingerprint=_fingerprint(views, columns, raw.identity),
        fixed_split=given is not None,
        terms=raw.terms,
    )


def _fingerprint(
    views: Mapping[str, NDArray[np.float32]], columns: Mapping[str, NDArray[np.integer[Any]] | None], identity: str
) -> str:
    """16 hex digits over the names, shapes and values, in one byte order and one dtype per kind of array."""
    digest = hashlib.sha256()
    for name, view in views.items():
        digest.update(f"view {name!r} {view.shape}\n".encode())
        digest.update(identity.encode() or view.astype("<f4").tobytes())
    for name, column in columns.items():
        if column is not None:
            digest.update(f"column {name!r} {column.shape}\n".encode())
            digest.update(column.astype("<i8").tobytes())
    return digest.hexdigest()[:16]

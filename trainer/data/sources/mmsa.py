"""aligned_50.pkl, unaligned_50.pkl and the like, as MMSA and Self-MM read them.

A dict `train`, `valid`, `test`, each a dict of arrays over the utterances: `text`, `audio` and `vision`, (n, steps, d)
or (n, d), padded with zeros; `annotations` (n,) words or `classification_labels` (n,) numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import _dialogues
from trainer.data._raw import Raw
from trainer.data.dataset import TEST, TRAIN, VALIDATION
from trainer.errors import InputError

FORM = "a dict train, valid, test of dicts with text, audio, vision and annotations or classification_labels (MMSA)"
PARTS = {"train": TRAIN, "valid": VALIDATION, "test": TEST}
VIEWS = ("text", "audio", "vision")
LABELS = ("annotations", "classification_labels")


def matches(found: object) -> bool:
    """Whether a pickle's content is in this format."""
    return (
        isinstance(found, dict)
        and set(found) == set(PARTS)
        and all(isinstance(part, dict) and any(view in part for view in VIEWS) for part in found.values())
    )


def read(path: str) -> Raw:
    """Views `text`, `audio`, `vision`, as many as there are, each the mean over its steps; the split as given."""
    return _dialogues.read(path, "mmsa", matches, FORM, _raw)


def _raw(found: Any) -> Raw:
    views = [view for view in VIEWS if all(view in part for part in found.values())]
    if not views:
        raise InputError(f"expected one of {', '.join(VIEWS)} in each of train, valid, test")
    labels = next((name for name in LABELS if all(name in part for part in found.values())), None)
    if labels is None:
        raise InputError(
            f"expected classes under {' or '.join(LABELS)} in each of train, valid, test; found "
            f"{', '.join(map(str, found['train']))}; regression_labels are no classes: cut them into some"
        )
    words = [_words(f"{part}: {labels}", found[part][labels]) for part in PARTS]
    names, y = np.unique(np.concatenate(words), return_inverse=True)
    if labels != "annotations":
        names = np.array([name.removesuffix(".0") for name in names])
    parts = [_part(name, found[name], views, len(y_part)) for name, y_part in zip(PARTS, words, strict=True)]
    return Raw(
        "",
        {view: np.concatenate([part[view] for part in parts]) for view in views},
        y.astype(np.int64),
        split=np.repeat(list(PARTS.values()), [len(part) for part in words]),
        label_names=names.tolist(),
    )


def _words(what: str, given: Any) -> NDArray[Any]:
    found = np.asarray(given)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or found.dtype.kind not in "biufUO":
        raise InputError(f"{what}: expected one label an utterance, found {_dialogues.describe(given)}")
    return np.array([str(one) for one in found.tolist()])


def _part(name: str, given: Mapping[str, Any], views: list[str], n: int) -> dict[str, NDArray[np.float32]]:
    return {view: _mean(f"{name}: {view}", given[view], n) for view in views}


def _mean(what: str, given: Any, n: int) -> NDArray[np.float32]:
    """Of (n, steps, d) the mean (n, d) over the steps that are not all zeros, which pad; (n, d) as it is."""
    found = np.asarray(given)
    if found.dtype.kind not in "biuf" or found.ndim not in (2, 3) or len(found) != n:
        raise InputError(
            f"{what}: expected numbers (n, steps, d) with n = {n} rows, found {_dialogues.describe(given)}"
        )
    if found.ndim == 2:
        return found.astype(np.float32)
    used = found.any(axis=2).sum(axis=1, keepdims=True)
    # What is not finite in a few steps is numpy's -inf of a silent frame in MMSA's own files: 0 there too.
    steps = np.where(np.isfinite(found), found, 0.0)
    mean: NDArray[np.float32] = (steps.sum(axis=1) / np.maximum(used, 1)).astype(np.float32)
    return mean

"""Who is train, validation and test, and whose label is hidden. Pure functions of the arrays and a seed."""

import itertools
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import TEST, TRAIN, UNLABELLED, VALIDATION
from trainer.errors import InputError

Ints = NDArray[np.int64]
Split = NDArray[np.int8]

SHARE = 0.2  # of the rows, to test and to validation each
ATTEMPTS = 100
# Separate streams, so that which labels are hidden does not follow from how the rows were split.
_SPLIT_STREAM, _HIDE_STREAM = 0, 1


def make_split(labels: Ints, dialogue: Ints | None, given: Split | None, seed: int, validation: float = SHARE) -> Split:
    """An int8 (n,) array of 0 train, 1 validation, 2 test.

    Without `given` a stratified 60/20/20; with only 0 and 2 in it, the share `validation` of 0 becomes validation;
    with a 1 in it, `given` as it is. Whole dialogues move together. Unlabelled rows (-1) are spread like one more
    class. Raises InputError where there are too few dialogues to cut.
    """
    if given is not None and np.any(given == VALIDATION):
        return given.astype(np.int8)
    parts = [TEST, VALIDATION] if given is None else [VALIDATION]
    split = np.full(len(labels), TRAIN, np.int8) if given is None else given.astype(np.int8)
    share = SHARE if given is None else validation
    pool = np.flatnonzero(split == TRAIN)
    if dialogue is None:
        split[pool] = _by_row(labels[pool], parts, seed, share)
    else:
        split[pool] = _by_dialogue(labels[pool], dialogue[pool], parts, seed, share)
    return split


def hide_labels(labels: Ints, split: Split, share: float, seed: int) -> Ints:
    """A copy of `labels` in which only `share` (0 < share <= 1) of the labelled training rows keep theirs.

    Per class of m rows round(share * m), at least one, are kept. With the same seed, a smaller share keeps a
    subset of what a larger one keeps, so that runs over shares differ in nothing else. Validation and test
    stay whole.
    """
    hidden = labels.copy()
    if share == 1.0:
        return hidden
    rng = np.random.default_rng([seed, _HIDE_STREAM])
    for label in np.unique(labels[(split == TRAIN) & (labels != UNLABELLED)]):
        rows = rng.permutation(np.flatnonzero((split == TRAIN) & (labels == label)))
        hidden[rows[max(1, round(share * len(rows))) :]] = UNLABELLED
    return hidden


def _by_row(labels: Ints, parts: list[int], seed: int, share: float) -> Split:
    """Per class of m rows round(share * m) to each of `parts`, the rest (at least one row) to train.

    Not sklearn's stratified split: that refuses classes with fewer than two rows.
    """
    rng = np.random.default_rng([seed, _SPLIT_STREAM])
    split = np.full(len(labels), TRAIN, np.int8)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        size = round(share * len(rows))
        for i, part in enumerate(parts):
            split[rows[i * size : (i + 1) * size]] = part
    return split


def _by_dialogue(labels: Ints, dialogue: Ints, parts: list[int], seed: int, share: float) -> Split:
    """One stratified fold of whole dialogues, 1 / share of them in all, to each of `parts`, the rest to train.

    Rare classes can all end up outside train, so up to ATTEMPTS cuts are tried. If none is sound the first
    one is returned, and the caller's checks say what it lacks.
    """
    count = len(np.unique(dialogue))
    if count <= len(parts):
        where, need = ("the data", "all three parts") if len(parts) == 2 else ("train", "validation")
        raise InputError(
            f"dialogue: expected at least {len(parts) + 1} dialogues in {where} to cut {need} from, "
            f"found {count}; leave 'dialogue' out if rows are independent, or give all three parts in 'split'"
        )
    cuts = itertools.islice(_cuts(labels, dialogue, parts, min(round(1 / share), count), seed), ATTEMPTS)
    first = next(cuts)
    return next((cut for cut in itertools.chain([first], cuts) if _sound(labels, cut, parts)), first)


def _cuts(labels: Ints, dialogue: Ints, parts: list[int], folds: int, seed: int) -> Iterator[Split]:
    """Cuts without end. Folds are slow to make: every choice of folds is tried before new ones are made."""
    rng = np.random.default_rng([seed, _SPLIT_STREAM])
    while True:
        fold = _folds(labels, dialogue, folds, int(rng.integers(2**31)))
        for chosen in itertools.permutations(range(folds), len(parts)):
            split = np.full(len(labels), TRAIN, np.int8)
            for i, part in zip(chosen, parts, strict=True):
                split[fold == i] = part
            yield split


def _folds(labels: Ints, dialogue: Ints, folds: int, state: int) -> Ints:
    from sklearn.model_selection import StratifiedGroupKFold  # type: ignore[import-untyped,unused-ignore]

    # sklearn refuses where every class is smaller than the number of folds; nothing can be stratified then.
    strata = labels if np.unique(labels, return_counts=True)[1].max() >= folds else np.zeros_like(labels)
    fold = np.zeros(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "the least populated class has only ...": we know
        cutter = StratifiedGroupKFold(folds, shuffle=True, random_state=state)
        for i, (_, rows) in enumerate(cutter.split(strata, strata, dialogue)):
            fold[rows] = i
    return fold


def _sound(labels: Ints, split: Split, parts: list[int]) -> bool:
    """Every class is in train, and every cut part has a labelled row."""
    known = labels != UNLABELLED
    in_train = len(np.unique(labels[known & (split == TRAIN)])) == len(np.unique(labels[known]))
    return in_train and all(np.any(known & (split == part)) for part in parts)

"""What a source may hand over. Each function returns an array in its final type or raises InputError."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import SPLIT_NAMES, TEST, TRAIN, UNLABELLED, VALIDATION
from trainer.errors import InputError
from trainer.text import printable

LONGEST = 200
"""Characters of a name: names of classes become names of metrics."""
AnyArray = NDArray[Any]


def views(given: Mapping[str, AnyArray]) -> dict[str, NDArray[np.float32]]:
    """Views as finite float32 (n, d_v) with n, d_v > 0 and one n for all."""
    if not given:
        raise InputError("expected at least one view, found none")
    checked = {name: _view(name, np.asarray(array)) for name, array in given.items()}
    first, rows = next((name, len(array)) for name, array in checked.items())
    for name, array in checked.items():
        same_length(f"view {name!r}", len(array), f"view {first!r}", rows)
    return checked


def name(what: str, given: str) -> str:
    """A name of a view or a class as it is shown: what cannot be seen is spelt. Raises InputError for a long one."""
    if len(given) > LONGEST:
        raise InputError(
            f"{what}: expected a name of at most {LONGEST} characters, found {len(given)}: {given[:40]!r}..."
        )
    return printable(given)


def _view(name: str, array: AnyArray) -> NDArray[np.float32]:
    if array.dtype.kind not in "biuf":
        raise InputError(f"view {name!r}: expected real numbers, found dtype {array.dtype}")
    if array.ndim != 2:
        raise InputError(f"view {name!r}: expected a 2-D array (rows, columns), found shape {array.shape}")
    for axis, what in enumerate(("rows", "columns")):
        if array.shape[axis] == 0:
            raise InputError(
                f"view {name!r}: expected at least one row and one column, found no {what} (shape {array.shape})"
            )
    with np.errstate(over="ignore"):  # what does not fit into float32 becomes infinite and is reported below
        values = array.astype(np.float32, order="C")
    bad = ~np.isfinite(values)
    if bad.any():
        rows = np.flatnonzero(bad.any(axis=1))
        raise InputError(
            f"view {name!r}: expected finite float32 values, found {bad.sum()} NaN or infinite in "
            f"{len(rows)} of {len(values)} rows, the first in row {rows[0]}; fill or drop them"
        )
    return values


def same_length(what: str, length: int, other: str, expected: int) -> None:
    """Raise InputError, naming both, where `length` is not the `expected` length of `other`."""
    if length != expected:
        raise InputError(f"{what} has {length} rows but {other} has {expected}; expected equal numbers of rows")


def integers(name: str, given: AnyArray) -> NDArray[np.int64]:
    """A 1-D array of whole numbers, of whatever dtype, as int64 (n,)."""
    array = np.asarray(given)
    if array.ndim != 1:
        raise InputError(f"{name}: expected a 1-D array (n,) of integers, found shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected integers, found dtype {array.dtype}")
    with np.errstate(invalid="ignore"):
        values = array.astype(np.int64)
    bad = np.flatnonzero(values != array)
    if len(bad):
        raise InputError(
            f"{name}: expected integers, found {array[bad[0]]} in row {bad[0]} "
            f"({len(bad)} of {len(array)} values are not whole numbers)"
        )
    return values


def y(given: AnyArray) -> NDArray[np.int64]:
    """Label codes int64 (n,), -1 for unlabelled, with at least two classes."""
    codes = integers("y", given)
    if len(codes) and codes.min() < UNLABELLED:
        row = int(np.argmin(codes))
        raise InputError(f"y: expected 0 or more, or -1 for unlabelled; found {codes[row]} in row {row}")
    classes = np.unique(codes[codes != UNLABELLED])
    if len(classes) < 2:
        found = f"only class {classes[0]}" if len(classes) else "no labelled row"
        raise InputError(f"y: expected at least two classes, found {found}")
    return codes


def split(given: AnyArray) -> NDArray[np.int8]:
    """A split int8 (n,) of 0, 1, 2 that has train and test rows."""
    values = integers("split", given)
    found = np.unique(values).tolist()
    wrong = [value for value in found if value not in (TRAIN, VALIDATION, TEST)]
    if wrong:
        raise InputError(f"split: expected 0 train, 1 validation, 2 test; found {_some(wrong)}")
    for part in (TRAIN, TEST):
        if part not in found:
            raise InputError(
                f"split: expected {SPLIT_NAMES[part]} rows ({part}), found only {_some(found)}; "
                "leave 'split' out to have one made"
            )
    return values.astype(np.int8)


def label_names(given: Sequence[str] | None, classes: NDArray[np.int64]) -> tuple[str, ...]:
    """Names of the observed `classes` (ascending codes); the code itself where no names are given."""
    if given is None:
        return tuple(str(code) for code in classes)
    given = [name("label_names", str(one)) for one in given]
    if len(given) <= classes[-1]:
        raise InputError(
            f"label_names: expected at least {classes[-1] + 1} names, as y goes up to {classes[-1]}; "
            f"found {len(given)}: {_some(given)}"
        )
    twice = sorted(one for one, count in Counter(given).items() if count > 1)
    if twice:
        raise InputError(f"label_names: expected different names, found more than once: {_some(twice)}")
    return tuple(given[code] for code in classes)


def coverage(labels: NDArray[np.int64], parts: NDArray[np.int8], names: Sequence[str]) -> None:
    """Train must hold every class, validation and test at least one labelled row; else InputError."""
    known = labels != UNLABELLED
    for part, part_name in enumerate(SPLIT_NAMES):
        if not np.any(known & (parts == part)):
            rows = int(np.sum(parts == part))
            found = f"{rows} rows, all unlabelled" if rows else "no rows"
            raise InputError(
                f"{part_name}: expected at least one labelled row, found {found} "
                f"({int(known.sum())} labelled rows in all); label more rows, or give another 'split'"
            )
    absent = [code for code in range(len(names)) if not np.any((labels == code) & (parts == TRAIN))]
    if absent:
        where = _some([_where(code, labels, parts, names) for code in absent])
        raise InputError(
            f"train: expected rows of every class, found none of {where}; put some of its rows "
            "into train, merge it with another class, or set its y to -1"
        )


def _where(code: int, labels: NDArray[np.int64], parts: NDArray[np.int8], names: Sequence[str]) -> str:
    counts = np.bincount(parts[labels == code], minlength=len(SPLIT_NAMES))
    places = " and ".join(f"{count} in {part}" for count, part in zip(counts, SPLIT_NAMES, strict=True) if count)
    return f"{names[code]!r} (rows: {counts.sum()}, {places})"


def _some(items: Sequence[object], limit: int = 6) -> str:
    rest = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(str(item) for item in items[:limit]) + rest

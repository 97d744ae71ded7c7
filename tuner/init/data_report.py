"""What a data file holds and what is wrong with it, as plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import Dataset, build, read, source_of
from trainer.data.dataset import SPLIT_NAMES, TRAIN, UNLABELLED
from trainer.data.standardise import odd
from tuner.init.probe import Probe, probe

Problem = dict[str, Any]
"""What kind, in which view or rows, and in words under `text`."""
FEW = 5
"""A class with fewer rows in validation or test than this has no meaningful F1 there."""
EMPTY = 0.01
"""Share of rows that are all zeros in a view from which on it is worth a remark."""


def report(path: str, seed: int = 0) -> dict[str, Any]:
    """What `tuner data --json` prints. Raises InputError where the file cannot be trained on."""
    source = source_of(path)
    raw = read(source, path)
    data = build(raw, seed=seed)
    given = set() if raw.split is None else set(np.unique(raw.split).tolist())
    probes = {name: probe(data, name) for name in data.views}
    return {
        "path": path,
        "source": source,
        "name": data.name,
        "fingerprint": data.fingerprint,
        "rows": data.n,
        "views": {name: view.shape[1] for name, view in data.views.items()},
        "classes": _classes(data),
        "splits": {name: len(data.rows(part)) for part, name in enumerate(SPLIT_NAMES)},
        "split_given": [name for part, name in enumerate(SPLIT_NAMES) if part in given],
        "unlabelled": int(np.sum(data.labels == UNLABELLED)),
        "dialogues": _dialogues(data),
        "speakers": None if data.speaker is None else len(np.unique(data.speaker)),
        "linear_probe": {name: None if p is None else _shown(p) for name, p in probes.items()},
        "terms": data.terms,
        "problems": _problems(data, probes),
    }


def problems(data: Dataset) -> list[str]:
    """What is wrong with data that can be trained on, in words."""
    return [problem["text"] for problem in _problems(data, {name: probe(data, name) for name in data.views})]


def _problems(data: Dataset, probes: Mapping[str, Probe | None]) -> list[Problem]:
    return [
        *_columns(data),
        *(_problem("odd_columns", one.text, view=one.view, columns=one.idle + one.far) for one in odd(data)),
        *_repeated_rows(data),
        *_empty_rows(data),
        *_split_dialogues(data),
        *_rare_classes(data),
        *_leaks(probes),
    ]


def _classes(data: Dataset) -> list[dict[str, Any]]:
    known = max(1, int(np.sum(data.labels != UNLABELLED)))
    return [
        {
            "name": name,
            **{part: int(np.sum(data.labels[data.rows(i)] == code)) for i, part in enumerate(SPLIT_NAMES)},
            "share": round(float(np.sum(data.labels == code)) / known, 4),
        }
        for code, name in enumerate(data.label_names)
    ]


def _dialogues(data: Dataset) -> dict[str, Any] | None:
    if data.dialogue is None:
        return None
    sizes = np.unique(data.dialogue, return_counts=True)[1]
    return {
        "count": len(sizes),
        "shortest": int(sizes.min()),
        "median": float(np.median(sizes)),
        "longest": int(sizes.max()),
    }


def _shown(p: Probe) -> dict[str, float]:
    return {name: round(getattr(p, name), 4) for name in ("validation", "test", "error", "chance")}


def _columns(data: Dataset) -> Iterator[Problem]:
    """Columns that are constant in train, and such as repeat an earlier one."""
    train = data.rows(TRAIN)
    seen: dict[bytes, str] = {}
    for name, view in data.views.items():
        constant = np.ptp(view[train], axis=0) == 0
        if constant.any():
            yield _problem(
                "constant_columns",
                f"view {name!r}: {_of(constant.sum(), view.shape[1], 'columns')} constant over the training rows "
                f"({_numbers(np.flatnonzero(constant))})",
                view=name,
                columns=np.flatnonzero(constant).tolist(),
            )
        twins: dict[int, str] = {}
        for i, column in enumerate(np.ascontiguousarray(view.T)):
            if constant[i]:
                continue
            first = seen.setdefault((column + 0.0).tobytes(), f"{name}[{i}]")
            if first != f"{name}[{i}]":
                twins[i] = first
        if twins:
            shown = ", ".join(f"{name}[{i}] = {first}" for i, first in list(twins.items())[:3])
            yield _problem(
                "duplicate_columns",
                f"view {name!r}: {_of(len(twins), view.shape[1], 'columns')} the same as an earlier one ({shown}"
                f"{', ...' if len(twins) > 3 else ''})",
                view=name,
                columns=list(twins),
            )


def _repeated_rows(data: Dataset) -> Iterator[Problem]:
    """Rows of validation and test that are also in an earlier part, in all views."""
    places: dict[bytes, set[int]] = defaultdict(set)
    x = data.matrix() + 0.0
    keys = [row.tobytes() for row in x]
    for key, part in zip(keys, data.split.tolist(), strict=True):
        places[key].add(part)
    for part, name in list(enumerate(SPLIT_NAMES))[1:]:
        rows = data.rows(part)
        for earlier in range(part):
            twice = [row for row in rows if earlier in places[keys[row]]]
            if twice:
                yield _problem(
                    "repeated_rows",
                    f"{_of(len(twice), len(rows), f'{name} rows')} in {SPLIT_NAMES[earlier]} too, the same in all "
                    "views: a model can know them by heart",
                    rows=[int(row) for row in twice],
                )


def _empty_rows(data: Dataset) -> Iterator[Problem]:
    for name, view in data.views.items():
        share = float(np.mean(~view.any(axis=1)))
        if share > EMPTY:
            yield _problem(
                "empty_rows", f"view {name!r}: {share:.0%} of the rows are all zeros; missing?", view=name, share=share
            )


def _split_dialogues(data: Dataset) -> Iterator[Problem]:
    if data.dialogue is None:
        return
    pairs = np.unique(np.stack([data.dialogue, data.split]), axis=1)
    ids, counts = np.unique(pairs[0], return_counts=True)
    if (counts > 1).any():
        yield _problem(
            "split_dialogues",
            f"{_of((counts > 1).sum(), len(ids), 'dialogues')} in more than one part of the split "
            f"({_numbers(ids[counts > 1])}); their rows are not independent",
            dialogues=ids[counts > 1].tolist(),
        )


def _rare_classes(data: Dataset) -> Iterator[Problem]:
    found = {
        c["name"]: " and ".join(f"{c[part]} in {part}" for part in SPLIT_NAMES[1:] if c[part] < FEW)
        for c in _classes(data)
        if min(c[part] for part in SPLIT_NAMES[1:]) < FEW
    }
    if found:
        listed = "; ".join(f"{name!r} has {where}" for name, where in found.items())
        yield _problem("rare_classes", f"classes whose F1 says little: {listed}", classes=list(found))


def _leaks(probes: Mapping[str, Probe | None]) -> Iterator[Problem]:
    for name, p in probes.items():
        if p is not None and p.leaks:
            yield _problem(
                "label_leak",
                f"view {name!r}: a linear probe fitted on train reaches {p.validation:.2f} on validation but "
                f"{p.test:.2f} on test (balanced accuracy): labels have probably leaked into its features of train and "
                "validation. Until that is clear no comparison on this data means anything",
                view=name,
            )


def _problem(kind: str, text: str, **more: Any) -> Problem:
    return {"kind": kind, "text": text, **more}


def _of(count: int, all_of: int, what: str) -> str:
    return f"{count} of {all_of} {what} {'is' if count == 1 else 'are'}"


def _numbers(found: NDArray[Any], limit: int = 8) -> str:
    return ", ".join(map(str, found[:limit].tolist())) + (", ..." if len(found) > limit else "")


def convert(path: str, output: Path) -> None:
    """Write the data as .npz, unsplit where the file gives no split. Raises InputError where `output` exists."""
    from trainer.data.sources import npz

    npz.write(read(source_of(path), path), output)

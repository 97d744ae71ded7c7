"""Data by name: `load("htad")`, `load("npz", "file.npz")`. A source is one file in trainer/data/sources.

A source defines `read(path)`, or `read()` where it reads no file; one for a kind of pickle also `matches(content)` and
`FORM`, so that `source_of` finds it.
"""

import inspect

from trainer import registry
from trainer.data._raw import Raw, build
from trainer.data._recognise import SOURCES, source_of
from trainer.data.dataset import Dataset
from trainer.errors import InputError

__all__ = ["Dataset", "Raw", "build", "load", "read", "source_of"]


def load(source: str, path: str | None = None, *, seed: int = 0, labels: float = 1.0) -> Dataset:
    """Read, check and split data.

    source  a module name in trainer/data/sources
    path    the file, for a source that reads one
    seed    decides the split where the data gives none, and which labels are hidden
    labels  share (0 < labels <= 1) of the training labels to keep
    Raises InputError for an unknown source, a path that is missing or of no use, and data that is wrong.
    """
    return build(read(source, path), seed=seed, labels=labels)


def read(source: str, path: str | None = None) -> Raw:
    """What a source hands over, unchecked and not split. Raises InputError as `load` does."""
    module = registry.load(SOURCES, source, "data source")
    wanted = inspect.signature(module.read).parameters.get("path")
    if path is None:
        if wanted is not None and wanted.default is inspect.Parameter.empty:
            raise InputError(f"data source {source!r} reads a file: expected its path, found none")
        raw: Raw = module.read()
        return raw
    if wanted is None:
        raise InputError(f"data source {source!r} reads no file: expected no path, found {path!r}")
    raw = module.read(path)
    return raw

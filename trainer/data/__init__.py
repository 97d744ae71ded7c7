"""Data by name: `load("htad")`, `load("npz", "file.npz")`. A source is one file in trainer/data/sources."""

import inspect

from trainer import registry
from trainer.data._raw import Raw, build
from trainer.data.dataset import Dataset
from trainer.errors import InputError

__all__ = ["Dataset", "load"]

SOURCES = "trainer.data.sources"


def load(source: str, path: str | None = None, *, seed: int = 0, labels: float = 1.0) -> Dataset:
    """Read, check and split data.

    source  a module name in trainer/data/sources
    path    the file, for a source that reads one
    seed    decides the split where the data gives none, and which labels are hidden
    labels  share (0 < labels <= 1) of the training labels to keep
    Raises InputError for an unknown source, a path that is missing or of no use, and data that is wrong.
    """
    module = registry.load(SOURCES, source, "data source")
    wanted = inspect.signature(module.read).parameters.get("path")
    if path is None:
        if wanted is not None and wanted.default is inspect.Parameter.empty:
            raise InputError(f"data source {source!r} reads a file: expected its path, found none")
        raw: Raw = module.read()
    elif wanted is None:
        raise InputError(f"data source {source!r} reads no file: expected no path, found {path!r}")
    else:
        raw = module.read(path)
    return build(raw, seed=seed, labels=labels)

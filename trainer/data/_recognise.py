"""Which source reads a file, by what the file holds."""

from __future__ import annotations

import zipfile
from pathlib import Path

from trainer import registry
from trainer.data import _dialogues, _unpickle
from trainer.data.sources import meld_csv
from trainer.errors import InputError

SOURCES = "trainer.data.sources"
OTHER = {
    b"\x1f\x8b": "a gzip archive: unpack it first (gunzip)",
    b"\xfd7zXZ": "an xz archive: unpack it first (unxz)",
    b"BZh": "a bzip2 archive: unpack it first (bunzip2)",
    b"\x89HDF": "an HDF5 file (also MATLAB 7.3); write its arrays with numpy.savez",
    b"MATLAB": "a MATLAB file; write its arrays with numpy.savez (scipy.io.loadmat reads it)",
    b"PAR1": "a Parquet file; write its columns with numpy.savez",
    b"\x93NUMPY": "a single .npy array; write views and labels with numpy.savez",
}
"""How files that no source reads begin, and what to do about them."""


def source_of(path: str) -> str:
    """The source that reads the file (or folder) at `path`.

    Raises InputError, with what was found and what is known, where none does.
    """
    file = Path(path).expanduser()
    try:
        return _source_of(file)
    except InputError as error:
        raise InputError(f"data file {path}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"data file {path}: there is no such file{_beside(file)}") from None
    except OSError as error:
        raise InputError(f"data file {path}: cannot be read: {error.strerror or error}") from None


def _source_of(file: Path) -> str:
    if file.is_dir():
        if meld_csv.files(file):
            return "meld_csv"
        raise InputError(f"expected a data file, found a directory without MELD's {meld_csv.PATTERN}{_list(file)}")
    with file.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        raise InputError("expected a data file, found an empty file")
    if start.startswith(b"PK"):
        return _archive(file)
    for magic, what in OTHER.items():
        if start.startswith(magic):
            raise InputError(f"found {what}")
    if meld_csv.is_header(start):
        return "meld_csv"
    if b"\0" not in start and start[:1] not in b"([]{}}cl\x80" and b"," in start.split(b"\n")[0]:
        columns = start.split(b"\n")[0].decode("utf-8", "replace").strip()
        raise InputError(f"a text file that begins with {columns[:200]!r}; of these only MELD's CSVs are known")
    return _pickle(file)


def _archive(file: Path) -> str:
    """Of zip archives those of numpy.savez are read; those of torch.save look the same from outside."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return "npz"  # which says what is wrong with it
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        raise InputError(
            "found a file of torch.save; write its arrays with numpy.savez: view_<name> (n, d) each, y (n,) and "
            "split (n,), or the same dictionary with pickle.dump and arrays in place of tensors"
        )
    return "npz"


def _pickle(file: Path) -> str:
    found = _unpickle.load(str(file))
    forms = {}
    for name in registry.names(SOURCES):
        module = registry.load(SOURCES, name, "data source")
        if hasattr(module, "matches"):
            if module.matches(found):
                return name
            forms[name] = module.FORM
    known = "; ".join(f"{name}: {form}" for name, form in forms.items())
    raise InputError(f"a pickle of no known format: found {_dialogues.describe(found)}. Known are {known}")


def _beside(file: Path) -> str:
    return _list(file.parent) if file.parent.is_dir() else f"; nor is there a directory {file.parent}"


def _list(folder: Path) -> str:
    found = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"; {folder} has: {', '.join(found[:8]) or 'nothing'}" + (" ..." if len(found) > 8 else "")

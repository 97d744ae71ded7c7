"""Our own file format: a .npz archive of plain arrays, which never runs code from the file.

view_<name> (n, d) numbers, one a view; y (n,) integers, -1 for a row without a label; and, optional,
split (n,) 0 train, 1 validation, 2 test; dialogue (n,) integers, rows of a dialogue in order;
speaker (n,) integers; label_names (C,) strings; validation, the share of 0 that becomes validation where split holds
only 0 and 2; terms of use.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trainer.data._raw import Raw
from trainer.errors import InputError

PREFIX = "view_"
KEYS = ("y", "split", "dialogue", "speaker", "label_names", "validation", "terms")
KNOWN = ", ".join((f"{PREFIX}<name>", *KEYS))


def read(path: str) -> Raw:
    """The arrays in the file at `path`, named after the file.

    Raises InputError, with the path, where the file cannot be read or is not in the format.
    """
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise InputError(f"expected a .npz file, found a directory{_npz_in(file)}")
        with file.open("rb") as stream:
            arrays = _arrays(stream)
        names = arrays.pop("label_names", None)
        y, names = _labels(arrays["y"], names)
        views = {key.removeprefix(PREFIX): arrays.pop(key) for key in list(arrays) if key.startswith(PREFIX)}
        return Raw(
            file.stem,
            views,
            y,
            split=arrays.get("split"),
            dialogue=_codes(arrays.get("dialogue")),
            speaker=_codes(arrays.get("speaker")),
            label_names=None if names is None else _strings(names),
            **_rest(arrays),
        )
    except InputError as error:
        raise InputError(f"data file {path}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"data file {path}: there is no such file{_npz_in(file.parent)}") from None
    except OSError as error:
        raise InputError(f"data file {path}: cannot be read: {error.strerror or error}") from None


def _rest(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (share := arrays.get("validation")) is not None:
        if share.size != 1 or share.dtype.kind != "f" or not 0 < share.item() < 1:
            raise InputError(f"validation: expected a share between 0 and 1, found {share.tolist()!r}")
        found["validation"] = float(share.item())
    if (terms := arrays.get("terms")) is not None:
        found["terms"] = _strings(terms.reshape(-1)[:1])[0]
    return found


def write(raw: Raw, output: Path) -> None:
    """Write `raw` to a new file. Raises InputError where there is one of that name, or it cannot be written."""
    arrays: dict[str, Any] = {f"{PREFIX}{name}": np.asarray(view, np.float32) for name, view in raw.views.items()}
    arrays["y"] = np.asarray(raw.y, np.int64)
    for key in ("split", "dialogue", "speaker"):
        if (column := getattr(raw, key)) is not None:
            arrays[key] = np.asarray(column, np.int64)
    if raw.label_names is not None:
        arrays["label_names"] = np.array(list(raw.label_names))
    arrays |= {"validation": np.float64(raw.validation), **({"terms": np.array(raw.terms)} if raw.terms else {})}
    try:
        stream = output.open("xb")
    except FileExistsError:
        raise InputError(f"{output} exists; choose another name") from None
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror or error}") from None
    try:
        with stream:
            np.savez(stream, **arrays)
    except BaseException as error:
        output.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"{output} cannot be written: {error.strerror or error}") from None
        raise


def _npz_in(folder: Path) -> str:
    if not folder.is_dir():
        return f"; nor is there a directory {folder}"
    found = sorted(file.name for file in folder.glob("*.npz"))
    return f"; {folder} has: {', '.join(found[:6]) or 'no .npz file'}" + (" ..." if len(found) > 6 else "")


def _arrays(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    start = stream.read(6)
    stream.seek(0)
    if not start:
        raise InputError("expected a .npz archive, found an empty file")
    if start == b"\x93NUMPY":
        raise InputError("expected a .npz archive, found a single .npy array; write it with numpy.savez")
    if not start.startswith(b"PK"):
        raise InputError("expected a .npz archive (numpy.savez), found something else")
    try:
        archive = np.load(stream, allow_pickle=False)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise InputError(f"the archive is truncated or corrupt: {error}") from None
    with archive:
        _check_keys(archive.files)
        return {key: _member(archive, key) for key in archive.files}


def _check_keys(keys: Sequence[str]) -> None:
    unknown = [key for key in keys if key not in KEYS and not (key.startswith(PREFIX) and key != PREFIX)]
    if unknown:
        raise InputError(f"unknown arrays: {', '.join(unknown)}; known are: {KNOWN}")
    if not any(key.startswith(PREFIX) for key in keys):
        raise InputError(f"expected at least one array {PREFIX}<name>, found: {', '.join(keys) or 'nothing'}")
    if "y" not in keys:
        raise InputError(f"expected an array y with the labels, found: {', '.join(keys)}")


def _member(archive: Any, key: str) -> NDArray[Any]:
    try:
        array = archive[key]
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types on damage
        if "allow_pickle" in str(error):
            raise InputError(
                f"{key}: expected plain numbers or strings, found a pickled (object) array, which is refused "
                "as it could run code"
            ) from None
        raise InputError(f"{key}: the array is truncated or corrupt: {error}") from None
    if not isinstance(array, np.ndarray):  # numpy hands back the bytes of a member that is not an array
        raise InputError(f"{key}: expected an array, found {len(array)} bytes of something else")
    return array


def _labels(y: NDArray[Any], names: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Codes and names; labels that are words are their own names, an empty one is a row without a label."""
    if y.dtype.kind not in "US" or y.ndim != 1:
        return y, names
    words = np.array(_strings(y))
    if names is None:
        names = np.unique(words[words != ""])
    known = {name: code for code, name in enumerate(_strings(names))}
    strange = sorted(set(words.tolist()) - known.keys() - {""})
    if strange:
        raise InputError(f"y: expected labels of label_names, found {', '.join(map(repr, strange[:6]))}")
    return np.array([known.get(word, -1) for word in words.tolist()], np.int64), names


def _codes(column: NDArray[Any] | None) -> NDArray[Any] | None:
    """Words as numbers, in the order in which they first come."""
    if column is None or column.dtype.kind not in "US" or column.ndim != 1:
        return column
    first: dict[Any, int] = {}
    return np.array([first.setdefault(word, len(first)) for word in column.tolist()], np.int64)


def _strings(names: NDArray[Any]) -> list[str]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise InputError(
            f"label_names: expected a 1-D array of strings, found shape {names.shape} and dtype {names.dtype}"
        )
    try:
        return [name.decode() if isinstance(name, bytes) else name for name in names.tolist()]
    except UnicodeDecodeError as error:
        raise InputError(f"label_names: expected UTF-8, found {error.object!r}") from None

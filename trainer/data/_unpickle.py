"""Pickles from outside, without running what they ask for.

A pickle is a program: it names callables and calls them. Here a name is looked up in a table of plain containers and
of stand-ins for numpy's, torch's and the Sample classes; any other name is refused, and nothing is imported for it.
"""

from __future__ import annotations

import collections
import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import InputError

SAMPLES = ("cogmen.Sample", "joyful.Sample")
"""Modules whose class `Sample` is replaced by a plain holder of attributes."""


def load(path: str) -> Any:
    """What the pickle at `path` holds; strings of Python 2 as latin1, tensors as numpy arrays, Samples as holders.

    Raises InputError for a file that is missing, no pickle, truncated, or that names anything beside data.
    """
    try:
        content = Path(path).expanduser().read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from None
    if not content:
        raise InputError("expected a pickle, found an empty file")
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except InputError:
        raise
    except MemoryError:
        raise InputError("the pickle asks for more memory than there is; it is corrupt, or too large") from None
    except Exception as error:  # a damaged pickle can raise nearly anything, from whatever it calls half-built
        if "truncated" in str(error) or isinstance(error, EOFError):
            raise InputError(f"the pickle is truncated: its {len(content)} bytes end within the data") from None
        raise InputError(f"not a pickle, or a corrupt one: {_first_line(error)}") from None


def is_sample(thing: object) -> bool:
    """Whether `thing` stands in for a cogmen or joyful Sample; its attributes are those of the pickled one."""
    return isinstance(thing, _Sample)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__


class _Sample:
    """Stands in for a Sample."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, encoding="latin1")
        self._table = _table()

    def find_class(self, module: str, name: str) -> Any:
        found = self._table.get((_today(module), name))
        if found is None:
            raise InputError(
                f"the pickle names {module}.{name}, which is refused as it could run code; expected numbers, text, "
                f"containers, numpy arrays, tensors and {' or '.join(f'{sample}.Sample' for sample in SAMPLES)}"
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise InputError("the pickle refers to storages outside itself (torch.save); write it with pickle.dump")


def _today(module: str) -> str:
    """The module's name today: those of Python 2, and of numpy before 2, have changed."""
    if module == "numpy.core" or module.startswith("numpy.core."):
        return "numpy._core" + module.removeprefix("numpy.core")
    return {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)


def _table() -> dict[tuple[str, str], Callable[..., Any]]:
    """What a pickle may name.

    Made anew for each file: a pickle can set attributes on Python's functions and classes, and what it spoils must not
    outlive it. Those of builtins cannot be changed.
    """
    kinds = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, object)
    samples = {(module, "Sample"): type("Sample", (_Sample,), {}) for module in SAMPLES}

    def reconstructor(kind: type[object], base: type, state: object) -> object:
        if base is not object or state is not None or kind not in samples.values():
            raise pickle.UnpicklingError(f"copyreg._reconstructor of {kind!r}")
        return object.__new__(kind)

    return {
        **{("builtins", kind.__name__): kind for kind in kinds},
        ("builtins", "long"): int,
        ("builtins", "unicode"): str,
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("collections", "defaultdict"): collections.defaultdict,
        ("copyreg", "_reconstructor"): reconstructor,
        **_text(),
        **_numpy(),
        **_torch(),
        **samples,
    }


def _text() -> dict[tuple[str, str], Callable[..., Any]]:
    def encode(text: str, encoding: str = "latin1") -> bytes:
        # How Python 3 writes bytes in the protocols of Python 2. Other encodings would be a way to any codec.
        if encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"_codecs.encode to {encoding!r}")
        return str(text).encode("latin1")

    return {("_codecs", "encode"): encode}


def _numpy() -> dict[tuple[str, str], Callable[..., Any]]:
    """Arrays and numbers of plain types.

    numpy's own dtype takes its flags from the pickle, which could pass bytes off as pointers to objects: here it is
    made from its code ("f8") and byte order alone.
    """

    class Dtype:
        def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
            self.code, self.order = code, "="

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            self.order = state[1]

        def plain(self) -> np.dtype[Any]:
            if not re.fullmatch(r"[biufcSUO][0-9]*", str(self.code)):
                raise InputError(f"expected arrays of numbers or text, found one of numpy dtype {self.code!r}")
            return np.dtype((self.order if self.order in ("<", ">") else "") + self.code)

    class Array(np.ndarray):
        def __setstate__(self, state: Any, /) -> None:
            version, shape, dtype, fortran, content = state
            super().__setstate__((version, shape, dtype.plain(), fortran, content))

    def reconstruct(kind: type, shape: object, dtype: object) -> Any:
        if kind is not Array:
            raise pickle.UnpicklingError(f"an array of {kind!r}")
        return np.ndarray.__new__(Array, (0,), "b")

    def frombuffer(content: Any, dtype: Dtype, shape: Any, order: str, axis_order: Any = None) -> Any:
        array = np.frombuffer(content, dtype.plain()).reshape(shape, order="F" if order == "F" else "C")
        return array if axis_order is None else array.transpose(axis_order)

    def scalar(dtype: Dtype, content: Any = b"") -> Any:
        content = content.encode("latin1") if isinstance(content, str) else content
        return np.frombuffer(content, dtype.plain(), count=1)[0]

    return {
        ("numpy", "dtype"): Dtype,
        ("numpy", "ndarray"): Array,
        ("numpy._core.multiarray", "_reconstruct"): reconstruct,
        ("numpy._core.multiarray", "scalar"): scalar,
        ("numpy._core.numeric", "_frombuffer"): frombuffer,
    }


def _torch() -> dict[tuple[str, str], Callable[..., Any]]:
    """Tensors, as numpy arrays."""

    def storage(content: bytes) -> Any:
        import torch

        # weights_only is torch's own restricted unpickler, where pickle would call torch.load with everything allowed.
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)

    def tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> Any:
        import torch

        found = torch.tensor([], dtype=storage.dtype)
        there = storage._untyped_storage.nbytes() // found.element_size()
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        # set_ would grow a storage that is too small, with whatever the memory holds.
        if min((offset, *size, *stride)) < 0 or (0 not in size and last >= there):
            raise pickle.UnpicklingError("a tensor reaches beyond its storage")
        found.set_(storage._untyped_storage, offset, tuple(size), tuple(stride))
        return (found.float() if found.dtype == torch.bfloat16 else found).numpy().copy()

    return {
        ("torch.storage", "_load_from_bytes"): storage,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
    }

"""The user's Python file: imported once a process; what goes wrong in it is told in their own lines only."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from trainer.errors import InputError, UserCodeError, unknown
from trainer.own_config import OwnModel


def model_class(model: OwnModel) -> type[nn.Module]:
    """The class that a study names; its file is run. Raises InputError where there is no such file or class, and
    UserCodeError with the user's own traceback where the file cannot be imported."""
    path = Path(model.path)
    if not path.is_file():
        raise InputError(f"model: the file {path} does not exist")
    module = _module(path)
    found = getattr(module, model.name, None)
    classes = [name for name, thing in vars(module).items() if inspect.isclass(thing) and issubclass(thing, nn.Module)]
    if found is None:
        raise InputError(f"model: {unknown(f'class in {path}', model.name, classes)}")
    if not inspect.isclass(found) or not issubclass(found, nn.Module):
        raise InputError(f"model: expected {model.name} in {path} to be a class derived from torch.nn.Module")
    return found


@functools.cache
def _module(path: Path) -> Any:
    name = f"own_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Their neighbouring files come first while theirs is imported; later, ours and what is installed do.
    folder = str(path.parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserCodeError(f"{path} cannot be imported:\n{users_traceback(error, path)}") from None
    finally:
        sys.path.remove(folder)
        sys.path.append(folder)
    return module


@contextmanager
def users(own: nn.Module | type[nn.Module]) -> Iterator[None]:
    """Turn an exception of the user's code into a UserCodeError with their own traceback."""
    try:
        yield
    except UserCodeError:
        raise
    except Exception as error:
        kind = own if inspect.isclass(own) else type(own)
        path = Path(inspect.getfile(kind))
        raise UserCodeError(f"{kind.__name__} failed:\n{users_traceback(error, path)}") from None


def users_traceback(error: BaseException, path: Path) -> str:
    """The traceback from the user's file on, as Python would print it, without the lines that led there."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen importlib")]
    first = next((i for i, frame in enumerate(frames) if Path(frame.filename) == path), len(frames))
    shown = traceback.format_list(frames[first:])
    head = ["Traceback (most recent call last):\n"] if shown else []
    return "".join([*head, *shown, *traceback.format_exception_only(error)]).rstrip()

"""What the files that `tuner init` writes have in common."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import numpy as np

from trainer.data import Dataset
from tuner.errors import InputError
from tuner.system import names


def output(path: Path) -> Path:
    """The study file to write, or InputError where it exists or is none."""
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output: expected a .yaml file; found {path}")
    names.check(path.stem)
    if path.exists():
        raise InputError(f"{path} exists; choose another name with --output")
    return path


def write(path: Path, text: str) -> None:
    """Write a new file; never over one that exists."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


def facts(data: Dataset) -> str:
    """What the data is, in half a line."""
    views = ", ".join(f"{name} {view.shape[1]}" for name, view in data.views.items())
    dialogues = "" if data.dialogue is None else f", {len(np.unique(data.dialogue))} dialogues"
    sizes = " / ".join(str(len(data.rows(part))) for part in (0, 1, 2)) + ("" if data.fixed_split else " by seed")
    return f"{data.n} rows{dialogues}; views {views}; {data.n_classes} classes; split {sizes}"


def where(path: str, study: Path) -> str:
    """The data's path as the study file has it: relative where it lies beside or below the file, else absolute."""
    file = Path(path).expanduser().resolve()
    relative = os.path.relpath(file, study.resolve().parent)
    return str(file) if relative.startswith("..") else relative


def quoted(text: str) -> str:
    """A YAML string that holds whatever a path may hold."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def comment(text: str, indent: int = 0, width: int = 118) -> str:
    """The text as lines of comment."""
    prefix = " " * indent + "# "
    return "\n".join(textwrap.wrap(" ".join(text.split()), width, initial_indent=prefix, subsequent_indent=prefix))


def problems(found: list[str]) -> str:
    """What is wrong with the data, as comments."""
    return "".join(f"#\n{comment(f'Look at this first: {text}')}\n" for text in found)

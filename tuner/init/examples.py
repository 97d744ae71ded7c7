"""The examples, from where they were installed or from the source tree."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from tuner.errors import InputError
from tuner.spec import file as study_file

INSTALLED = Path("share") / "loss-weight-tuner" / "examples"
"""Below the prefix of the environment; `data-files` in pyproject.toml puts them there."""


def source() -> Path:
    """The folder with the examples. Raises InputError where the installation has none."""
    tree = Path(__file__).parents[2] / "examples"
    installed = Path(sysconfig.get_path("data")) / INSTALLED
    for folder in (tree, installed):
        if (folder / "joyful_style.yaml").is_file():
            return folder
    raise InputError(f"the examples are not installed: expected them in {installed}; install the tuner again")


def copy(into: Path) -> list[Path]:
    """Copy the examples and the shipped study files; returns the paths written. Nothing that exists is overwritten.

    Raises InputError where one of the files exists already or the folder cannot be written.
    """
    files = [path for path in sorted(source().iterdir()) if path.suffix in (".py", ".yaml", ".ipynb")]
    files += [study_file.folder() / f"{name}.yaml" for name in study_file.names()]
    taken = [into / path.name for path in files if (into / path.name).exists()]
    if taken:
        raise InputError(f"{taken[0]} exists already; name another folder: tuner examples FOLDER")
    try:
        into.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copyfile(path, into / path.name)) for path in files]
    except OSError as error:
        raise InputError(f"{into} cannot be written: {error.strerror or error}") from None

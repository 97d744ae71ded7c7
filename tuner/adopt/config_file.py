"""A plain YAML or JSON config file that an option names: its keys are options too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.adopt.model import Option
from tuner.adopt.scopes import dotted
from tuner.adopt.source import LARGEST, Program
from tuner.adopt.styles import hydra

NAMES = ("config", "cfg", "config_file", "config_path", "conf", "cfg_file", "params", "hparams", "param_file", "opt")
LOADERS = ("yaml.safe_load", "yaml.load", "yaml.full_load", "json.load", "json.loads", "OmegaConf.load")


def read(program: Program, options: Sequence[Option], arguments: Sequence[str]) -> tuple[str, str, list[Option]] | None:
    """The name of the option that takes the file, the file, and its keys; None where the script reads no such file."""
    if not any(getattr(n, "func", None) is not None and dotted(n.func) in LOADERS for n in program.walk()):  # type: ignore[attr-defined]
        return None
    for option in options:
        if option.key.rpartition(".")[2].lower() not in NAMES or option.kind != "word" or not option.flag:
            continue
        file = _given(option, arguments) or option.default
        data = _load(Path(file)) if isinstance(file, str) and file else None
        if isinstance(data, dict) and isinstance(file, str):
            found: dict[str, Option] = {}
            hydra.keys(data, "", found, Path(file).name)
            return option.name, file, [replace(o, name=key, flag="", config=True) for key, o in found.items()]
    return None


def _given(option: Option, arguments: Sequence[str]) -> str | None:
    for i, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        if flag == option.flag.rstrip("="):
            return value if equals else next(iter(arguments[i + 1 : i + 2]), None)
    return None


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".json" and path.stat().st_size <= LARGEST:
            return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return hydra.load(path) if path.suffix in (".yaml", ".yml") else None

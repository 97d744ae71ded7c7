"""Hydra: the keys of its config files, as overrides `model.beta=0.1`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from tuner.adopt.model import Option
from tuner.adopt.source import LARGEST, Program
from tuner.adopt.styles._common import decorator, identifier, kind_of, literal, walk

MOST = 60
"""Config files that are read."""


def read(program: Program) -> list[Option]:
    """All numbers, words and switches of the primary config and of the groups that its defaults name."""
    for node, module in walk(program):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            main = decorator(node, "main")
            if isinstance(main, ast.Call) and ast.unparse(main.func).startswith(("hydra", "main")):
                given = {k.arg: literal(k.value) for k in main.keywords}
                folder = module.path.parent / str(given.get("config_path") or ".")
                return _of(folder, str(given.get("config_name") or "config"))
    return []


def _of(folder: Path, name: str) -> list[Option]:
    found: dict[str, Option] = {}
    primary = folder / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    _file(primary, folder, "", found, [MOST])
    return list(found.values())


def _file(path: Path, folder: Path, prefix: str, found: dict[str, Option], left: list[int]) -> None:
    left[0] -= 1
    data = load(path) if left[0] >= 0 else None
    if not isinstance(data, dict):
        return
    for entry in data.get("defaults") or ():
        items = entry.items() if isinstance(entry, dict) else [(entry, None)]
        for group, choice in items:
            words = str(group).replace("override ", "").replace("optional ", "").strip("/")
            if (
                left[0] < 0
                or "_self_" in words
                or "hydra/" in words
                or (isinstance(entry, dict) and not isinstance(choice, str))
            ):
                continue
            beside = path.parent / words
            base = beside if choice is not None and beside.is_dir() else folder / words
            file = (base / str(choice)) if choice is not None else (path.parent / words)
            inner = f"{prefix}{words.replace('/', '.')}." if choice is not None else prefix
            _file(file.with_suffix(".yaml") if file.suffix != ".yaml" else file, folder, inner, found, left)
    keys({k: v for k, v in data.items() if k not in ("defaults", "hydra")}, prefix, found, path.name)


def keys(data: dict[Any, Any], prefix: str, found: dict[str, Option], where: str, depth: int = 0) -> None:
    """The leaves of a mapping as options `a.b=`."""
    for key, value in data.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and depth < 8:
            keys(value, f"{path}.", found, where, depth + 1)
        elif str(key).startswith("_") or isinstance(value, (list, dict)):
            continue
        elif isinstance(value, bool):
            found[path] = Option(
                identifier(path), path, f"{path}=", "word", str(value).lower(), ("true", "false"), where=where
            )
        elif not (isinstance(value, str) and "${" in value):
            found[path] = Option(identifier(path), path, f"{path}=", kind_of(value), value, where=where)


def load(path: Path) -> Any:
    """A YAML file; None where it is none, or too large."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > LARGEST:
            return None
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError, ValueError, RecursionError):
        return None

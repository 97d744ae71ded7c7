"""Environment variables: `float(os.environ.get("KL_WEIGHT", 0.1))`, `os.getenv(...)`, set before the command."""

from __future__ import annotations

import ast

from tuner.adopt.model import ENVIRONMENT, Kind, Option
from tuner.adopt.scopes import dotted
from tuner.adopt.source import Program
from tuner.adopt.styles._common import identifier, literal, walk

READS = ("os.environ.get", "os.getenv", "environ.get", "getenv")


def read(program: Program) -> list[Option]:
    """The variables that are converted to a number: others are the machine's (CUDA_VISIBLE_DEVICES)."""
    found = []
    for node, module in walk(program):
        if not isinstance(node, ast.Call) or not node.args or dotted(node.func) not in ("float", "int"):
            continue
        kind: Kind = "float" if dotted(node.func) == "float" else "int"
        key, default = _read(node.args[0])
        if key and not key.endswith(("RANK", "WORLD_SIZE")):
            found.append(
                Option(
                    identifier(key),
                    key,
                    f"{key}=",
                    kind,
                    _number(default, kind),
                    function=ENVIRONMENT,
                    where=module.where(node),
                )
            )
    return found


def _read(node: ast.expr) -> tuple[str, object]:
    """Name and default of a variable that an expression reads; empty where it reads none."""
    if isinstance(node, ast.Call) and dotted(node.func) in READS and node.args:
        key = literal(node.args[0])
        return (key if isinstance(key, str) else ""), literal(node.args[1]) if len(node.args) > 1 else None
    if isinstance(node, ast.Subscript) and dotted(node.value) in ("os.environ", "environ"):
        key = literal(node.slice)
        return (key if isinstance(key, str) else ""), None
    return "", None


def _number(value: object, kind: Kind) -> float | int | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return int(number) if kind == "int" else number

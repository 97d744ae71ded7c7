"""Numbers in what a script prints: as text, with a percent sign, in JSON, in a printed dict, nested."""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_LINE = 20_000
"""Characters of a line that are looked at: a pattern may take a time that grows with them."""
MOST_OBJECTS, MOST_NAMES, DEEPEST = 8, 1_000, 5
_WRAPPED = re.compile(r"^(?:tensor|array|(?:np|numpy|torch)\.\w+)\(")
_DECODER = json.JSONDecoder()


def number(value: Any) -> float | None:
    """A number, or a text that is one: `0.55`, `55.0%` (55.0), `(0.55)`, `tensor(0.55,`, `nan`; None for the rest."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if not isinstance(value, str) or len(value) > 400:
        return None
    text = _WRAPPED.sub("", value.strip()).strip("()[]{}<>,;:|=\"'*`").removesuffix("%").strip()
    try:
        return float(text)
    except ValueError:
        return None


def flat(found: Mapping[Any, Any], joined: str = "/") -> dict[str, float]:
    """The numbers of a mapping by their names; those of a mapping inside it as `outer/inner`."""
    numbers: dict[str, float] = {}

    def take(inside: Mapping[Any, Any], before: str, depth: int) -> None:
        for name, value in inside.items():
            if len(numbers) >= MOST_NAMES:
                return
            if isinstance(value, Mapping):
                if depth < DEEPEST:
                    take(value, f"{before}{name}{joined}", depth + 1)
            elif (value := number(value)) is not None:
                numbers[f"{before}{name}"] = value

    take(found, "", 1)
    return numbers


def objects(line: str) -> Iterator[dict[Any, Any]]:
    """Each JSON object, or dict as Python prints it, that stands anywhere in a line."""
    at = line.find("{")
    for _ in range(MOST_OBJECTS):
        if at < 0:
            return
        try:
            found, end = _DECODER.raw_decode(line, at)
        except (ValueError, RecursionError):
            found, end = _printed(line, at)
        if isinstance(found, dict):
            yield found
        at = line.find("{", max(end, at + 1))


def _printed(line: str, at: int) -> tuple[Any, int]:
    """The dict that Python printed from a place on, and where it ends; (None, at) where there is none."""
    end = _closing(line, at)
    if end < 0:
        return None, at
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the texts of others
            return _value(ast.parse(line[at : end + 1], mode="eval").body), end + 1
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None, at


def _closing(line: str, at: int) -> int:
    depth, quote = 0, ""
    for i in range(at, min(len(line), at + LONGEST_LINE)):
        char = line[i]
        if quote:
            quote = "" if char == quote and line[i - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char == "{") - (char == "}")
            if depth == 0:
                return i
    return -1


def _value(node: ast.expr) -> Any:
    """What an expression says, without running anything: `tensor(0.5)` is 0.5, `nan` is NaN."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {key.value: _value(value) for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inside = number(_value(node.operand))
        return None if inside is None else -inside if isinstance(node.op, ast.USub) else inside
    if isinstance(node, ast.Name):
        return {"nan": math.nan, "inf": math.inf}.get(node.id)
    if isinstance(node, ast.Call) and node.args:
        return _value(node.args[0])
    if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) == 1:
        return _value(node.elts[0])
    return None

"""What readers of options share."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tuner.adopt.model import Kind
from tuner.adopt.source import Module, Program


def literal(node: ast.AST | None) -> Any:
    """The value of a literal, also of `1 / 3` and `2 ** -4`; None where it is none."""
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Mult)):
        left, right = literal(node.left), literal(node.right)
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            if isinstance(node.op, ast.Mult):
                return left * right
            return left / right if right else None
    return None


def identifier(text: str) -> str:
    """A knob's name for an option's."""
    name = re.sub(r"\W", "_", text.strip("-")).strip("_")
    return name if name and not name[0].isdigit() else f"x_{name}"


def kind_of(value: Any) -> Kind:
    """What kind of option has such a default."""
    if isinstance(value, bool):
        return "switch"
    if isinstance(value, int):
        return "int"
    return "float" if isinstance(value, float) else "word"


def kind_named(annotation: ast.AST | None) -> Kind | None:
    """The kind that an annotation or a converter names: float, Optional[float], `float | None`, click.FLOAT."""
    if annotation is None:
        return None
    text = ast.unparse(annotation)
    for word, kind in (("bool", "switch"), ("float", "float"), ("int", "int"), ("str", "word"), ("Literal", "word")):
        if re.search(rf"\b{word}\b", text, re.I):
            return kind  # type: ignore[return-value]
    return None


def literals(annotation: ast.AST | None) -> tuple[str, ...]:
    """The choices of a Literal[...]."""
    if annotation is None:
        return ()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal"):
            values = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return tuple(str(literal(v)) for v in values)
    return ()


def walk(program: Program) -> Iterator[tuple[ast.AST, Module]]:
    """Every node with its module."""
    for module in program.modules:
        for node in ast.walk(module.tree):
            yield node, module


def decorator(node: ast.FunctionDef | ast.AsyncFunctionDef, tail: str) -> ast.expr | None:
    """The decorator whose dotted name ends with `tail`."""
    for one in node.decorator_list:
        called = one.func if isinstance(one, ast.Call) else one
        if ast.unparse(called).split(".")[-1] == tail:
            return one
    return None

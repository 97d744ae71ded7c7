"""Products and sums of a loss: their factors, and which of them are plain numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from tuner.adopt.flow import Flow
from tuner.adopt.model import Term
from tuner.adopt.scopes import callee

THROUGH = frozenset(
    [
        "mean",
        "sum",
        "item",
        "float",
        "cuda",
        "to",
        "clone",
        "contiguous",
        "squeeze",
        "unsqueeze",
        "scale",
        "double",
        "half",
        "nansum",
        "nanmean",
        "type",
        "cpu",
    ]
)

OF_ARGUMENT = frozenset(["mean", "sum", "float", "nanmean", "nansum", "scale", "add", "squeeze"])

WIDEST = 48
"""Terms of one product."""


def around(flow: Flow, node: ast.AST) -> Iterator[ast.AST]:
    """A node and all nodes around it, outwards."""
    at: ast.AST | None = node
    while at is not None:
        yield at
        at = flow.index.parents.get(id(at))


def factors_of(node: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product, also of one within it."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from factors_of(node.left)
        yield from factors_of(node.right)
    else:
        yield node


def is_number(node: ast.expr) -> bool:
    """Whether it is a number, also one with a sign."""
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def is_arithmetic(node: ast.expr) -> bool:
    """Whether an expression is plain arithmetic on names: what a schedule of a weight looks like."""
    plain = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.BoolOp)
    if isinstance(node, plain):
        return all(is_arithmetic(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    if isinstance(node, ast.Call):
        return callee(node) in ("min", "max", "float", "int", "cos", "exp", "sin", "clip", "sigmoid") and all(
            is_arithmetic(a) for a in node.args
        )
    return isinstance(node, (ast.Name, ast.Attribute, ast.Constant))


def is_module(node: ast.expr) -> bool:
    """Whether it is the name of a library."""
    return isinstance(node, ast.Name) and node.id in ("torch", "np", "numpy", "F", "tf", "jnp", "math", "K")


def shaped(found: list[Term], shapes: set[str]) -> list[Term]:
    """Terms that options change in a further way."""
    return [replace(t, shapes=t.shapes | shapes) for t in found] if shapes else found


def crossed(left: list[Term], right: list[Term]) -> list[Term]:
    """The terms of a product of two sums."""
    if not left or not right:
        return left or right
    return [
        replace(
            b,
            weights=tuple(dict.fromkeys((*a.weights, *b.weights))),
            shapes=a.shapes | b.shapes,
            fixed=a.fixed + b.fixed,
        )
        for a in left
        for b in right
    ][:WIDEST]

"""Where the loss stands in a program: what is differentiated, or else what is called a loss."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tuner.adopt.flow import Flow, Frame
from tuner.adopt.scopes import Definition, Scope, last

LOSS_LIKE = re.compile(r"(^|_)(loss|cost|objective|elbo|criterion_value|total_loss|energy)$", re.I)

BACKWARD = frozenset(["backward", "manual_backward", "gradient", "grad", "value_and_grad", "minimize"])

STEPS = frozenset(["training_step", "compute_loss", "shared_step", "_shared_step", "model_step", "_step"])


def roots(flow: Flow) -> Iterator[tuple[ast.expr, Scope]]:
    """What is differentiated; where nothing is, what is called a loss."""
    there = False
    for name in BACKWARD:
        for call, scope in flow.index.calls.get(name, []):
            value = call.args[0] if call.args and name not in ("value_and_grad", "grad") else None
            if name == "backward" and isinstance(call.func, ast.Attribute):
                held = call.func.value
                owner = last(held)
                value = call.args[0] if call.args and owner in ("accelerator", "fabric", "self", "engine") else held
            if value is not None:
                there = True
                yield value, scope
            elif call.args and name in ("value_and_grad", "grad"):
                for function in flow.index.functions.get(last(call.args[0]), []):
                    for made in function.returns:
                        there = True
                        yield _first(made.value), function
    for name in STEPS:
        for function in flow.index.functions.get(name, []):
            if not function.owner:
                continue
            for made in function.returns:
                there = True
                yield loss_of(made.value), function
    if there:
        return
    for scope in flow.index.scopes:
        for name, made_here in scope.names.items():
            if LOSS_LIKE.search(name) or name in ("total", "loss"):
                yield from ((d.value, scope) for d in made_here)
        if LOSS_LIKE.search(scope.name):
            yield from ((d.value, scope) for d in scope.returns)


def summed(flow: Flow) -> tuple[tuple[str, ...], str]:
    """The addends of the first sum that is differentiated, as the code names them, and where; empty without one."""
    for node, scope in roots(flow):
        value, frame = node, Frame(scope)
        for _ in range(8):
            if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
                return tuple(short(" ".join(ast.unparse(a).split())) for a in _addends(value)), flow.index.where(value)
            made = next(iter(_made(flow, value, frame)), None)
            if made is None:
                break
            value, frame = loss_of(made[0].value), made[1]
    return (), ""


def _made(flow: Flow, value: ast.expr, frame: Frame) -> Iterator[tuple[Definition, Frame]]:
    if isinstance(value, ast.Call):
        target = flow.target(value, frame)
        if target is not None:
            yield from ((made, Frame(target)) for made in target.returns)
    else:
        yield from flow.definitions(value, frame)


def _addends(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _addends(node.left)
        yield from _addends(node.right)
    else:
        yield node


def _first(value: ast.expr) -> ast.expr:
    return value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value


def loss_of(value: ast.expr) -> ast.expr:
    """The loss of what a training step returns."""
    if isinstance(value, ast.Dict):
        for key, held in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "loss":
                return held
    return _first(value)


def short(text: str) -> str:
    """At most 60 characters."""
    return text if len(text) <= 60 else text[:57] + "..."

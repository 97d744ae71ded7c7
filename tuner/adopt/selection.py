"""On which split the best epoch is picked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tuner.adopt.flow import Flow, Frame
from tuner.adopt.model import Finding
from tuner.adopt.scopes import Scope, callee, last
from tuner.adopt.styles._common import literal

BEST = re.compile(r"best|top|highest|lowest", re.I)
TEST = re.compile(r"(?<![a-z])(test|tst)(?![a-z])", re.I)
VALIDATION = re.compile(r"(?<![a-z])(val|valid|validation|dev|eval|holdout)(?![a-z])", re.I)


def findings(flow: Flow) -> Iterator[Finding]:
    """One for each place that keeps the best epoch by a test score."""
    for node in flow.index.program.walk():
        scope = flow.index.scope_of.get(id(node))
        if scope is None:
            continue
        if isinstance(node, ast.If) and _keeps(node):
            for compared in _compared(node.test):
                if split(flow, compared, Frame(scope)) == "test":
                    yield _finding(flow, compared, node)
                    break
        elif isinstance(node, ast.Call) and callee(node) in ("max", "min") and _kept(flow, node, scope):
            for value in node.args:
                if not BEST.search(ast.unparse(value)) and split(flow, value, Frame(scope)) == "test":
                    yield _finding(flow, value, node)
                    break
        elif isinstance(node, ast.Call) and callee(node) in ("ModelCheckpoint", "EarlyStopping"):
            for keyword in node.keywords:
                text = literal(keyword.value)
                if keyword.arg == "monitor" and isinstance(text, str) and _token(text) == "test":
                    yield Finding(
                        "test", f"the best epoch is picked on test: monitor={text!r}", (), flow.index.where(node)
                    )


def _finding(flow: Flow, value: ast.expr, node: ast.AST) -> Finding:
    return Finding(
        "test",
        f"the best epoch is picked on test, by {ast.unparse(value)}: the reported test score is too good, and it may "
        "choose no weight",
        (),
        flow.index.where(node),
    )


def _keeps(node: ast.If) -> bool:
    """Whether a branch stores a best value."""
    if not isinstance(node.test, (ast.Compare, ast.BoolOp)):
        return False
    return any(
        isinstance(target, (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple)) and BEST.search(ast.unparse(target))
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, (ast.Assign, ast.AugAssign))
        for target in (inner.targets if isinstance(inner, ast.Assign) else [inner.target])
    )


def _compared(test: ast.expr) -> Iterator[ast.expr]:
    """The values that are compared with a best one."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(BEST.search(ast.unparse(side)) for side in sides):
                yield from (side for side in sides if not BEST.search(ast.unparse(side)) and not _constant(side))


def _constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _kept(flow: Flow, node: ast.Call, scope: Scope) -> bool:
    """Whether a maximum is stored as the best value: `best = max(best, score)`."""
    parent = flow.index.parents.get(id(node))
    return isinstance(parent, ast.Assign) and any(BEST.search(ast.unparse(t)) for t in parent.targets)


def _token(text: str) -> str:
    """test or val by the words of a name; empty where it has neither or both."""
    plain = re.sub(r"[_/.\-]", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
    test, validation = bool(TEST.search(plain)), bool(VALIDATION.search(plain))
    return "" if test == validation else "test" if test else "val"


def split(flow: Flow, value: ast.expr, frame: Frame, depth: int = 0) -> str:
    """The split that a value was measured on: test, val, or empty where that cannot be told."""
    if depth > 6:
        return ""
    found = _token(ast.unparse(value)) if not isinstance(value, ast.Call) else ""
    if found:
        return found
    if isinstance(value, ast.Call):
        arguments = [*value.args, *[k.value for k in value.keywords]]
        splits = {s for a in arguments if (s := _token(_names(a)) or _of_name(flow, a, frame, depth))}
        if splits:
            return splits.pop() if len(splits) == 1 else ""
        return _token(callee(value)) if callee(value) not in ("test",) or not arguments else ""
    if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)):
        base: ast.expr = value
        while isinstance(base, (ast.Subscript, ast.Attribute)) and not list(flow.definitions(base, frame)):
            base = base.value
        splits = {
            s for made, inside in flow.definitions(base, frame) if (s := split(flow, made.value, inside, depth + 1))
        }
        return splits.pop() if len(splits) == 1 else ""
    if isinstance(value, (ast.BinOp, ast.UnaryOp)):
        splits = {
            s
            for c in ast.iter_child_nodes(value)
            if isinstance(c, ast.expr) and (s := split(flow, c, frame, depth + 1))
        }
        return splits.pop() if len(splits) == 1 else ""
    return ""


def _of_name(flow: Flow, node: ast.expr, frame: Frame, depth: int) -> str:
    return split(flow, node, frame, depth + 1) if isinstance(node, ast.Name) else ""


def _names(node: ast.expr) -> str:
    """Names and texts of an argument, without those of functions."""
    words = [last(n) for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute))]
    words += [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return " ".join(words)

"""Parsers made of a dataclass: transformers' HfArgumentParser, simple-parsing, tyro, draccus, Tap."""

from __future__ import annotations

import ast

from tuner.adopt.model import Option
from tuner.adopt.source import Module, Program
from tuner.adopt.styles._common import decorator, identifier, kind_named, kind_of, literal, literals, walk

PARSERS = frozenset(
    ("HfArgumentParser", "ArgumentParser", "parse", "cli", "Tap", "TrlParser", "wrap", "CliApp", "parse_args")
)
LIBRARIES = frozenset(("transformers", "simple_parsing", "tyro", "draccus", "tap", "trl", "pyrallis", "chz", "datargs"))


def read(program: Program) -> list[Option]:
    """The fields of the dataclasses that are handed to a parser, those of nested ones with a dot."""
    if not program.imported & LIBRARIES:
        return []
    classes = {n.name: (n, m) for n, m in walk(program) if isinstance(n, ast.ClassDef)}
    parsed = [name for name in classes if name in _handed(program)]
    dashes = "tyro" in program.imported
    found = []
    for name in parsed:
        found += _fields(name, classes, "", dashes, 0)
    return found


def _handed(program: Program) -> set[str]:
    """Names of what parsers are called with."""
    names: set[str] = set()
    for node in program.walk():
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in PARSERS | {"add_arguments"}:
            for argument in [*node.args, *[k.value for k in node.keywords]]:
                names |= {n.id for n in ast.walk(argument) if isinstance(n, ast.Name)}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and decorator(node, "wrap"):
            names |= {ast.unparse(a.annotation) for a in node.args.args if a.annotation is not None}
        elif isinstance(node, ast.ClassDef) and any(ast.unparse(b).split(".")[-1] == "Tap" for b in node.bases):
            names.add(node.name)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("tyro.cli"):
            names |= {n.id for a in node.args for n in ast.walk(a) if isinstance(n, ast.Name)}
    return names


def _fields(
    name: str, classes: dict[str, tuple[ast.ClassDef, Module]], prefix: str, dashes: bool, depth: int
) -> list[Option]:
    node, module = classes[name]
    found = []
    for base in node.bases:
        if ast.unparse(base) in classes and depth < 4:
            found += _fields(ast.unparse(base), classes, prefix, dashes, depth + 1)
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        inner = ast.unparse(statement.annotation)
        if inner in classes and depth < 4:
            found += _fields(inner, classes, f"{prefix}{statement.target.id}.", dashes, depth + 1)
            continue
        found.append(_option(statement, prefix, dashes, module))
    return found


def _option(statement: ast.AnnAssign, prefix: str, dashes: bool, module: Module) -> Option:
    assert isinstance(statement.target, ast.Name)
    key = prefix + statement.target.id
    default = literal(_default(statement.value))
    flag = "--" + (key.replace("_", "-") if dashes else key)
    kind = kind_named(statement.annotation) or kind_of(default)
    where, name = module.where(statement), identifier(key.rpartition(".")[2])
    if kind == "switch":
        if dashes:
            last = key.rpartition(".")
            off = "--" + f"{last[0]}{last[1]}no-{last[2]}".replace("_", "-")
            return Option(name, key, flag, "switch", bool(default), off=off, where=where)
        return Option(name, key, flag, "word", str(bool(default)).lower(), ("true", "false"), where=where)
    return Option(name, key, flag, kind, default, literals(statement.annotation), where=where)


def _default(node: ast.expr | None) -> ast.expr | None:
    """`field(default=0.1)` and its like as 0.1."""
    if isinstance(node, ast.Call):
        return next((k.value for k in node.keywords if k.arg == "default"), node.args[0] if node.args else None)
    return node

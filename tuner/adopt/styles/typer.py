"""typer: the parameters of a command, `beta: float = 0.1`; also `typer.run(main)` and Python Fire."""

from __future__ import annotations

import ast

from tuner.adopt.model import Option
from tuner.adopt.source import Module, Program
from tuner.adopt.styles._common import decorator, identifier, kind_named, kind_of, literal, literals, walk


def read(program: Program) -> list[Option]:
    """The options of all commands; a parameter without a default is positional and the user's to give."""
    if not program.imported & {"typer", "fire"}:
        return []
    called = {
        ast.unparse(node.args[0])
        for node in program.walk()
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.run", "fire.Fire", "Fire") and node.args
    }
    found = []
    for node, module in walk(program):
        if isinstance(node, ast.FunctionDef) and (decorator(node, "command") or node.name in called):
            found += _options(node, module, fire="fire" in program.imported)
    return found


def _options(node: ast.FunctionDef, module: Module, fire: bool) -> list[Option]:
    given = node.args
    defaults: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
    pairs = [*zip(given.args, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    found = []
    for parameter, default in pairs:
        option = _option(parameter, default, node.name, module, fire)
        found += [option] if option else []
    return found


def _option(parameter: ast.arg, default: ast.expr | None, function: str, module: Module, fire: bool) -> Option | None:
    name, annotation = parameter.arg, parameter.annotation
    declared = _declared(annotation, default)
    value = literal(default)
    if declared is not None:
        if isinstance(default, ast.Call):
            value = literal(default.args[0]) if default.args else None
        flags = [t for a in declared.args if isinstance(t := literal(a), str) and t.startswith("-")]
    elif default is None:
        return None
    else:
        flags = []
    flag = next((f for f in flags if f.startswith("--")), f"--{name if fire else name.replace('_', '-')}")
    kind = kind_named(annotation) or kind_of(value)
    where = module.where(parameter)
    if kind == "switch":
        on, slash, off = flag.partition("/")
        off = off if slash else "" if flags else f"--no-{on.lstrip('-')}"
        return Option(identifier(name), name, on, "switch", bool(value), off=off, function=function, where=where)
    return Option(identifier(name), name, flag, kind, value, literals(annotation), function=function, where=where)


def _declared(annotation: ast.expr | None, default: ast.expr | None) -> ast.Call | None:
    """The `typer.Option(...)` of a parameter, in its annotation or as its default."""
    for node in (default, annotation):
        for child in ast.walk(node) if node is not None else ():
            if isinstance(child, ast.Call) and ast.unparse(child.func).split(".")[-1] == "Option":
                return child
    return None

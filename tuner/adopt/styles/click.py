"""click: `@click.option("--beta", default=0.1)` above the function whose parameter it is."""

from __future__ import annotations

import ast

from tuner.adopt.model import Option
from tuner.adopt.source import Module, Program
from tuner.adopt.styles._common import identifier, kind_named, kind_of, literal, walk


def read(program: Program) -> list[Option]:
    """The options of all commands."""
    found = []
    for node, module in walk(program):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and ast.unparse(one.func).split(".")[-1] == "option":
                    option = _option(one, node.name, module)
                    found += [option] if option else []
    return found


def _option(call: ast.Call, function: str, module: Module) -> Option | None:
    texts = [v for a in call.args if isinstance(v := literal(a), str)]
    flags = [t for t in texts if t.startswith("-")]
    if not flags:
        return None
    given = {k.arg: k.value for k in call.keywords if k.arg}
    flag = max(flags, key=len)
    on, _, off = flag.partition("/")
    plain = next((t for t in texts if not t.startswith("-")), on.lstrip("-").replace("-", "_").lower())
    default, where = literal(given.get("default")), module.where(call)
    if off or literal(given.get("is_flag")):
        return Option(identifier(plain), plain, on, "switch", bool(default), off=off, function=function, where=where)
    if literal(given.get("multiple")) or "nargs" in given:
        return None
    converter = given.get("type")
    choices: tuple[str, ...] = ()
    if isinstance(converter, ast.Call) and ast.unparse(converter.func).endswith("Choice") and converter.args:
        values = literal(converter.args[0])
        choices = tuple(map(str, values)) if isinstance(values, (list, tuple)) else ()
    kind = "word" if choices else (kind_named(converter) or kind_of(default))
    return Option(identifier(plain), plain, on, kind, default, choices, function=function, where=where)

"""argparse, and parsers with the same `add_argument`: ConfigArgParse, jsonargparse, Tap's and transformers' parsers."""

from __future__ import annotations

import ast
from typing import Any

from tuner.adopt.model import Kind, Option
from tuner.adopt.source import Module, Program
from tuner.adopt.styles._common import identifier, kind_named, kind_of, literal, walk


def read(program: Program) -> list[Option]:
    """The options that have a flag; positional arguments are the user's to give."""
    found: dict[str, Option] = {}
    defaults: dict[str, Any] = {}
    for node, module in walk(program):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == "add_argument":
            option = _option(node, module)
            if option is not None:
                found.setdefault(option.name, option)
        elif node.func.attr == "set_defaults":
            defaults |= {k.arg: literal(k.value) for k in node.keywords if k.arg}
    return [_with_default(option, defaults) for option in found.values()]


def _with_default(option: Option, defaults: dict[str, Any]) -> Option:
    from dataclasses import replace

    return replace(option, default=defaults[option.key]) if defaults.get(option.key) is not None else option


def _option(call: ast.Call, module: Module) -> Option | None:
    flags = [v for a in call.args if isinstance(v := literal(a), str) and v.startswith("-")]
    if not flags:
        return None
    given = {k.arg: k.value for k in call.keywords if k.arg}
    flag = next((f for f in flags if f.startswith("--")), flags[0])
    dest = literal(given.get("dest")) or flag.lstrip("-").replace("-", "_")
    action = _action(given.get("action"))
    if action in ("help", "version", "append", "count", "store_const", "append_const", "extend"):
        return None
    where, default = module.where(call), literal(given.get("default"))
    name = identifier(dest)
    if action in ("store_true", "store_false", "BooleanOptionalAction"):
        on, off = (flag, "") if action != "store_false" else ("", flag)
        if action == "BooleanOptionalAction":
            off = "--no-" + flag.lstrip("-")
        value = default if isinstance(default, bool) else action == "store_false"
        return Option(name, dest, on, "switch", value, off=off, where=where)
    if "nargs" in given and literal(given["nargs"]) not in ("?", None):
        return None
    choices = literal(given.get("choices"))
    words = tuple(str(c) for c in choices) if isinstance(choices, (list, tuple, set)) else ()
    return Option(name, dest, flag, _kind(given.get("type"), default), default, words, where=where)


def _action(node: ast.expr | None) -> str:
    value = literal(node)
    return value if isinstance(value, str) else (ast.unparse(node).split(".")[-1] if node is not None else "store")


def _kind(converter: ast.expr | None, default: Any) -> Kind:
    """Of the value as it is typed: a switch that takes a value is a word."""
    kind = kind_named(converter) if converter is not None else kind_of(default)
    if converter is not None and kind is None:
        kind = kind_of(default)
    return "word" if kind in (None, "switch") else kind

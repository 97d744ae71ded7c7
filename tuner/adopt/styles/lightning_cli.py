"""LightningCLI: the parameters of the module's `__init__`, as `--model.beta`."""

from __future__ import annotations

import ast

from tuner.adopt.model import Option
from tuner.adopt.source import Program
from tuner.adopt.styles._common import identifier, kind_named, kind_of, literal, literals, walk


def read(program: Program) -> list[Option]:
    """The parameters of the LightningModules, and the trainer's number of epochs and seed."""
    called: list[ast.AST] = [
        n for n in program.walk() if isinstance(n, ast.Call) and ast.unparse(n.func).endswith("LightningCLI")
    ]
    called += [
        n
        for n in program.walk()
        if isinstance(n, ast.ClassDef) and any(ast.unparse(b).endswith("LightningCLI") for b in n.bases)
    ]
    if not called:
        return []
    handed = {n.id for c in called for n in ast.walk(c) if isinstance(n, ast.Name)}
    classes = [(n, m) for n, m in walk(program) if isinstance(n, ast.ClassDef) and _is_module(n)]
    chosen = [pair for pair in classes if pair[0].name in handed] or classes[:1]
    found = []
    for node, module in chosen:
        init = next((f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
        if init is None:
            continue
        given = init.args
        plain: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
        pairs = [*zip(given.args, plain, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        for parameter, value in pairs:
            if parameter.arg == "self":
                continue
            default = literal(value)
            kind = kind_named(parameter.annotation) or kind_of(default)
            choices = ("true", "false") if kind == "switch" else literals(parameter.annotation)
            shown = str(default).lower() if kind == "switch" else default
            found.append(
                Option(
                    identifier(parameter.arg),
                    parameter.arg,
                    f"--model.{parameter.arg}",
                    "word" if kind == "switch" else kind,
                    shown,
                    choices,
                    function=node.name,
                    where=module.where(parameter),
                )
            )
    found.append(Option("max_epochs", "trainer.max_epochs", "--trainer.max_epochs", "int", None))
    found.append(Option("seed_everything", "seed_everything", "--seed_everything", "int", 0, function="LightningCLI"))
    return found


def _is_module(node: ast.ClassDef) -> bool:
    return any(ast.unparse(b).split(".")[-1].endswith("Module") for b in node.bases) and any(
        isinstance(f, ast.FunctionDef) and f.name in ("training_step", "configure_optimizers") for f in node.body
    )

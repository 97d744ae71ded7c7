"""Weights that stand in the code: `loss = mse + 0.1 * kl`, or a module's constant that multiplies a term."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tuner.adopt.flow import Flow, Frame
from tuner.adopt.model import Finding, Fixed, Term
from tuner.adopt.source import Program
from tuner.adopt.styles._common import literal

MOST = 4
"""Weights and constants that are named."""


def of(flow: Flow, factor: ast.expr, frame: Frame, depth: int = 0) -> Fixed | None:
    """The positive number that a factor is, written there or held by a name; None for 1, which weighs nothing."""
    value = literal(factor)
    if value is not None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0 or value == 1:
            return None  # `-0.5 * sum(...)` belongs to a formula, as that of a KL divergence
        return Fixed("", float(value), flow.index.where(factor))
    if depth > 4 or not isinstance(factor, (ast.Name, ast.Attribute)):
        return None
    made = list(flow.definitions(factor, frame))
    if len(made) != 1 or made[0][0].index is not None or made[0][0].operator is not None:
        return None
    held = of(flow, made[0][0].value, made[0][1], depth + 1)
    if held is None:
        return None
    name = factor.id if isinstance(factor, ast.Name) else factor.attr
    return Fixed(held.name or name, held.value, held.where)


def weights(terms: Sequence[Term]) -> list[Fixed]:
    """Each fixed weight once; without a factor of all terms, which weighs none of them."""
    if len(terms) < 2:
        return []
    found: dict[Fixed, None] = {}
    for term in terms:
        for one in term.fixed:
            if not all(one in other.fixed for other in terms):
                found[one] = None
    return list(found)


def findings(terms: Sequence[Term], styles: Sequence[str]) -> Iterator[Finding]:
    """One for each weight that no option changes, with how it becomes one."""
    for one in weights(terms)[:MOST]:
        yield Finding("fixed", f"{said(one)} weighs {one.weighs} and is no option. {_how(one, styles)}", (), one.where)


def said(one: Fixed) -> str:
    """As the code has it."""
    return f"{one.name} = {one.value:g}" if one.name else f"{one.value:g}"


def _name(one: Fixed) -> str:
    words = re.findall(r"[A-Za-z_]\w*", one.name or one.weighs)
    word = (words[0] if one.name or len(words) == 1 else "term").lower().strip("_")
    return word if one.name else f"{word}_weight"


def _how(one: Fixed, styles: Sequence[str]) -> str:
    name = _name(one)
    if "argparse" in styles:
        return (
            f'To search it: parser.add_argument("--{name}", type=float, default={one.value:g}), and args.{name} '
            "in its place"
        )
    if styles:
        return f"To search it, give the script an option {name} with default {one.value:g}, and read that in its place"
    return f"To search it, put {variable(name, one.value)} in its place"


def variable(name: str, value: float) -> str:
    """The code that reads a number from an environment variable."""
    return f'float(os.environ.get("{name.upper()}", {value:g}))'


def advice(terms: Sequence[Term], constants: Sequence[Fixed]) -> str:
    """What to do with a script that takes no option; empty where no number was found that could become one."""
    weighing = weights(terms)
    if weighing:
        one = weighing[0]
        what, name = f"{said(one)} ({one.where}) weighs {one.weighs}", _name(one)
    elif constants:
        one = constants[0]
        what, name = f"found the constants {', '.join(f'{said(c)} ({c.where})' for c in constants[:MOST])}", one.name
    else:
        return ""
    left = f"{one.name} = " if one.name else "there "
    return f"{what}. Write {left}{variable(name, one.value)} and run `tuner adopt` again: it sets the variable"


def constants(program: Program) -> list[Fixed]:
    """The numbers that the script names at its top level."""
    found = []
    for node in program.main.tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = literal(node.value)
            if isinstance(target, ast.Name) and isinstance(value, (int, float)) and not isinstance(value, bool):
                found.append(Fixed(target.id, float(value), program.main.where(node)))
    return sorted(found, key=lambda one: one.value == int(one.value))

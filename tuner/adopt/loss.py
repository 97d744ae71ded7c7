"""The loss as a sum of terms: what weighs each of them, and what else changes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tuner.adopt import fixed
from tuner.adopt.flow import Flow, Frame
from tuner.adopt.model import Finding, Fixed, Term
from tuner.adopt.products import (
    OF_ARGUMENT,
    THROUGH,
    around,
    crossed,
    factors_of,
    is_arithmetic,
    is_module,
    is_number,
    shaped,
)
from tuner.adopt.roots import loss_of, roots, short
from tuner.adopt.scopes import Definition, Scope, bound, callee

MOST = 4_000
"""Expressions that are looked at."""


@dataclass(frozen=True)
class _Walk:
    frame: Frame
    depth: int = 0
    seen: frozenset[tuple[int, int]] = frozenset()


def terms(flow: Flow) -> tuple[Term, ...]:
    """The addends of everything that is differentiated, or else of what is called a loss; each once."""
    reader = _Reader(flow)
    found: dict[tuple[str, tuple[str, ...]], Term] = {}
    for node, scope in roots(flow):
        for term in reader.expand(node, _Walk(Frame(scope))):
            key = (term.where + term.text, term.weights)
            old = found.get(key)
            found[key] = replace(term, shapes=term.shapes | (old.shapes if old else frozenset()))
    return tuple(found.values())


def findings(found: Sequence[Term]) -> Iterator[Finding]:
    """Weights that multiply each other, and weights that scale more than the term that they seem to weigh."""
    acting: dict[str, set[tuple[str, str]]] = {}
    for term in found:
        for name in term.weights:
            acting.setdefault(name, set()).add((term.where, term.text))
    pairs = {tuple(sorted((a, b))) for t in found for a in t.weights for b in t.weights if a < b}
    for first, second in sorted(pairs):
        together = [t for t in found if first in t.weights and second in t.weights]
        term = together[0]
        outer, inner = (first, second) if len(acting[first]) >= len(acting[second]) else (second, first)
        if acting[first] == acting[second]:
            yield Finding(
                "multiply",
                f"{first} and {second} multiply: only their product weighs {term.text}. Search one of them",
                (first, second),
                term.where,
            )
        else:
            rest = sorted({text for _, text in acting[outer] - acting[inner]})
            yield Finding(
                "scales",
                f"{outer} and {inner} multiply on {term.text}, and {outer} also scales {', '.join(rest[:3])}: "
                f"the weight of {term.text} is their product",
                (outer, inner),
                term.where,
            )


class _Reader:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.left = MOST

    def expand(self, node: ast.expr, walk: _Walk) -> list[Term]:
        self.left -= 1
        if self.left < 0 or walk.depth > 40:
            return []
        walk = replace(walk, depth=walk.depth + 1)
        if isinstance(node, ast.BinOp):
            return self._operation(node, walk)
        if isinstance(node, ast.UnaryOp):
            return self.expand(node.operand, walk)
        if isinstance(node, ast.Constant):
            return []
        if isinstance(node, ast.IfExp):
            shapes = self.flow.inside(node.test, walk.frame)
            return shaped(self.expand(node.body, walk) + self.expand(node.orelse, walk), shapes)
        if isinstance(node, (ast.List, ast.Tuple)):
            return [term for element in node.elts for term in self.expand(element, walk)]
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self.expand(node.elt, walk)
        if isinstance(node, ast.Call):
            return self._call(node, walk)
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            return self._held(node, walk)
        return [self._leaf(node, walk)]

    def _operation(self, node: ast.BinOp, walk: _Walk) -> list[Term]:
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return self.expand(node.left, walk) + self.expand(node.right, walk)
        if isinstance(node.op, ast.Div):
            return shaped(self.expand(node.left, walk), self.flow.inside(node.right, walk.frame))
        if isinstance(node.op, ast.Mult):
            return self._product(list(factors_of(node)), walk)
        return [self._leaf(node, walk)]

    def _product(self, factors: list[ast.expr], walk: _Walk) -> list[Term]:
        weights: list[str] = []
        shapes: set[str] = set()
        numbers: list[Fixed] = []
        found: list[Term] | None = None
        for factor in factors:
            option = self.flow.origin(factor, walk.frame)
            if option is not None:
                weights.append(option.name)
                continue
            number = fixed.of(self.flow, factor, walk.frame)
            if number is not None:
                rest = " * ".join(" ".join(ast.unparse(f).split()) for f in factors if f is not factor)
                numbers.append(replace(number, weighs=short(rest)))
                continue
            if isinstance(factor, (ast.Constant, ast.UnaryOp)) and is_number(factor):
                continue
            product = self._weights_of(factor, walk)
            if product is not None:
                weights += product
                continue
            scheduled = self._scalar(factor, walk)
            if scheduled and len(factors) > 1:
                shapes |= scheduled
                continue
            one = self.expand(factor, walk)
            found = one if found is None else crossed(found, one)
        found = found if found is not None else [self._leaf(factors[-1], walk)]
        return [
            replace(
                t,
                weights=tuple(dict.fromkeys((*weights, *t.weights))),
                shapes=t.shapes | shapes,
                fixed=(*numbers, *t.fixed),
            )
            for t in found
        ]

    def _weights_of(self, factor: ast.expr, walk: _Walk, depth: int = 0) -> list[str] | None:
        """The options of a factor that is nothing but a product of options and numbers, also by way of a name."""
        if depth > 6:
            return None
        option = self.flow.origin(factor, walk.frame)
        if option is not None:
            return [option.name]
        if is_number(factor):
            return []
        if isinstance(factor, ast.BinOp) and isinstance(factor.op, ast.Mult):
            parts = [self._weights_of(part, walk, depth + 1) for part in factors_of(factor)]
            return None if any(p is None for p in parts) else [name for p in parts for name in p or ()]
        if isinstance(factor, (ast.Name, ast.Attribute)):
            made = list(self.flow.definitions(factor, walk.frame))
            if len(made) == 1 and made[0][0].index is None and made[0][0].operator is None:
                found = self._weights_of(made[0][0].value, replace(walk, frame=made[0][1]), depth + 1)
                return found or None
        return None

    def _scalar(self, factor: ast.expr, walk: _Walk) -> set[str]:
        """The options of a factor that is a number made of options: a ramp over epochs, say."""
        if isinstance(factor, (ast.Name, ast.Attribute)):
            names: set[str] = set()
            made = [d for d, _ in self.flow.definitions(factor, walk.frame)]
            for definition, inside in self.flow.definitions(factor, walk.frame):
                if not is_arithmetic(definition.value):
                    return set()
                names |= self.flow.inside(definition.value, inside)
            return names if made else set()
        return self.flow.inside(factor, walk.frame) if is_arithmetic(factor) else set()

    def _held(self, node: ast.expr, walk: _Walk) -> list[Term]:
        found: list[Term] = []
        known = False
        for made, inside in self.flow.definitions(node, walk.frame):
            key = (id(made.value), made.index or 0)
            if key in walk.seen:
                known = True
                continue
            known = True
            deeper = replace(walk, frame=inside, seen=walk.seen | {key})
            selected: set[str] = set()
            for test in made.tests:
                selected |= self.flow.inside(test, inside)
            if isinstance(made.operator, ast.Mult):
                factor = self._weights_of(made.value, deeper)
                if factor:
                    earlier = self._before(node, made, walk)
                    return [replace(t, weights=tuple(dict.fromkeys((*factor, *t.weights)))) for t in earlier]
                continue
            if isinstance(made.operator, (ast.Div, ast.Pow)):
                continue
            value = made.value
            one = self._unpacked(value, made.index, deeper) if made.index is not None else self.expand(value, deeper)
            found += shaped(one, selected)
        return found if known else [self._leaf(node, walk)]

    def _before(self, node: ast.expr, made: Definition, walk: _Walk) -> list[Term]:
        """What a name held before `name *= weight`."""
        if not isinstance(node, ast.Name):
            return [self._leaf(node, walk)]
        earlier = ast.copy_location(ast.Name(node.id, ast.Load()), node)
        earlier.lineno = made.line
        return self._held(earlier, walk)

    def _unpacked(self, value: ast.expr, index: int, walk: _Walk) -> list[Term]:
        """One element of what a call returns."""
        if isinstance(value, ast.Call):
            target = self.flow.target(value, walk.frame)
            if target is not None:
                found: list[Term] = []
                for made, inside in self._returned(value, target, walk.frame):
                    if isinstance(made.value, ast.Tuple) and index < len(made.value.elts):
                        found += self.expand(made.value.elts[index], replace(walk, frame=inside))
                if found:
                    return found
        return [self._leaf(value, walk)]

    def _returned(self, call: ast.Call, target: Scope, frame: Frame) -> Iterator[tuple[Definition, Frame]]:
        given = {name: (value, frame) for name, value in bound(call, target).items()}
        inside = Frame(target, given)
        for made in target.returns:
            yield made, inside

    def _call(self, node: ast.Call, walk: _Walk) -> list[Term]:
        name = callee(node)
        target = self.flow.target(node, walk.frame)
        if target is not None and not any(n is target.node for n in around(self.flow, node)):
            found: list[Term] = []
            for made, inside in self._returned(node, target, walk.frame):
                key = (id(made.value), len(walk.seen))
                selected: set[str] = set()
                for test in made.tests:
                    selected |= self.flow.inside(test, inside)
                one = self.expand(loss_of(made.value), replace(walk, frame=inside, seen=walk.seen | {key}))
                found += shaped(one, selected)
            if found:
                return shaped(found, self._arguments(node, walk) - {w for t in found for w in t.weights})
        if name in THROUGH and isinstance(node.func, ast.Attribute) and not is_module(node.func.value):
            if name in OF_ARGUMENT and node.args and name in ("scale",):
                return self.expand(node.args[0], walk)
            return self.expand(node.func.value, walk)
        if name in OF_ARGUMENT and node.args:
            return self.expand(node.args[0], walk)
        if name in ("stack", "cat") and node.args:
            return self.expand(node.args[0], walk)
        return [self._leaf(node, walk)]

    def _arguments(self, node: ast.Call, walk: _Walk) -> set[str]:
        """Options among the arguments of a call that are handed over as they are."""
        values = [*node.args, *[k.value for k in node.keywords]]
        found = {o.name for v in values if (o := self.flow.origin(v, walk.frame)) is not None}
        return found

    def _leaf(self, node: ast.expr, walk: _Walk) -> Term:
        shapes: set[str] = set()
        if isinstance(node, ast.Call):
            shapes |= self._arguments(node, walk)
            for made, inside in self.flow.definitions(node.func, walk.frame):
                if isinstance(made.value, ast.Call):
                    shapes |= self._arguments(made.value, replace(walk, frame=inside))
                elif isinstance(made.value, ast.IfExp):
                    shapes |= self.flow.inside(made.value.test, inside)
                for test in made.tests:
                    shapes |= self.flow.inside(test, inside)
        elif isinstance(node, (ast.BinOp, ast.Subscript)):
            shapes |= self.flow.inside(node, walk.frame)
        text = " ".join(ast.unparse(node).split())
        return Term(short(text), self._where(node, walk), (), frozenset(shapes))

    def _where(self, node: ast.expr, walk: _Walk) -> str:
        scope = self.flow.index.scope_of.get(id(node), walk.frame.scope)
        return scope.module.where(node)

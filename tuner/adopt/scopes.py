"""Functions, assignments and calls of a program, indexed once for all that follow values through it."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field

from tuner.adopt.source import Module, Program

Branch = tuple[tuple[int, str], ...]
"""The `if` branches around a statement, outermost first: identity of the `if`, and which of its branches."""


@dataclass(eq=False)
class Definition:
    """One assignment to a name or an attribute."""

    value: ast.expr
    scope: Scope
    line: int
    branch: Branch
    index: int | None = None
    """the place in an unpacked tuple"""
    operator: ast.operator | None = None
    """of `+=` and its like"""
    tests: tuple[ast.expr, ...] = ()
    """the conditions of the branches around it"""


@dataclass(eq=False)
class Scope:
    """A module, or a function."""

    node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    parent: Scope | None = None
    owner: str = ""
    """the class of a method"""
    names: dict[str, list[Definition]] = field(default_factory=lambda: defaultdict(list))
    returns: list[Definition] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the function; empty for a module."""
        return getattr(self.node, "name", "")

    @property
    def parameters(self) -> list[str]:
        """In order, with those that are given by keyword alone at the end; without *args and **kwargs."""
        if isinstance(self.node, ast.Module):
            return []
        given = self.node.args
        return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


class Index:
    """Where names are assigned, functions defined and called."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.scopes: list[Scope] = []
        self.functions: dict[str, list[Scope]] = defaultdict(list)
        self.methods: dict[tuple[str, str], Scope] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.attributes: dict[str, list[Definition]] = defaultdict(list)
        self.items: dict[tuple[str, object], list[Definition]] = defaultdict(list)
        """what is stored under a key: (name of the mapping, key)"""
        self.calls: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
        self.parents: dict[int, ast.AST] = {}
        self.scope_of: dict[int, Scope] = {}
        self.branches: dict[int, Branch] = {}
        for module in program.modules:
            scope = Scope(module.tree, module)
            self.scopes.append(scope)
            self._body(module.tree, scope, "", (), ())

    def _body(self, node: ast.AST, scope: Scope, owner: str, branch: Branch, tests: tuple[ast.expr, ...]) -> None:
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST):
                    continue
                inside, conditions = branch, tests
                if isinstance(node, ast.If) and name in ("body", "orelse"):
                    inside, conditions = (*branch, (id(node), name)), (*tests, node.test)
                self._node(child, node, scope, owner, inside, conditions)

    def _node(
        self, node: ast.AST, parent: ast.AST, scope: Scope, owner: str, branch: Branch, tests: tuple[ast.expr, ...]
    ) -> None:
        self.parents[id(node)], self.scope_of[id(node)], self.branches[id(node)] = parent, scope, branch
        if isinstance(node, ast.ClassDef):
            self.classes.setdefault(node.name, node)
            self._body(node, scope, node.name, branch, tests)
            return
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = Scope(node, scope.module, scope, owner)
            self.scopes.append(inner)
            self.functions[node.name].append(inner)
            if owner:
                self.methods.setdefault((owner, node.name), inner)
            self._body(node, inner, "", (), ())
            return
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, scope, node.lineno, branch, tests)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, node.value, scope, node.lineno, branch, tests)
        elif isinstance(node, ast.AugAssign):
            self._assign(node.target, node.value, scope, node.lineno, branch, tests, node.op)
        elif isinstance(node, ast.NamedExpr):
            self._assign(node.target, node.value, scope, node.lineno, branch, tests)
        elif isinstance(node, ast.Return) and node.value is not None:
            scope.returns.append(Definition(node.value, scope, node.lineno, branch, tests=tests))
        elif isinstance(node, ast.Call):
            self.calls[callee(node)].append((node, scope))
        self._body(node, scope, owner, branch, tests)

    def _assign(
        self,
        target: ast.expr,
        value: ast.expr,
        scope: Scope,
        line: int,
        branch: Branch,
        tests: tuple[ast.expr, ...],
        operator: ast.operator | None = None,
        index: int | None = None,
    ) -> None:
        made = Definition(value, scope, line, branch, index, operator, tests)
        if isinstance(target, ast.Name):
            scope.names[target.id].append(made)
        elif isinstance(target, ast.Attribute):
            self.attributes[target.attr].append(made)
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            self.items[(last(target.value), target.slice.value)].append(made)
        elif isinstance(target, (ast.Tuple, ast.List)):
            pairs = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            for i, element in enumerate(target.elts):
                if pairs:
                    assert isinstance(value, (ast.Tuple, ast.List))
                    self._assign(element, value.elts[i], scope, line, branch, tests, operator)
                else:
                    self._assign(element, value, scope, line, branch, tests, operator, i)

    def where(self, node: ast.AST) -> str:
        """file:line."""
        scope = self.scope_of.get(id(node))
        return (scope.module if scope else self.program.main).where(node)


def callee(call: ast.Call) -> str:
    """The last part of what is called: `scale` of `scaler.scale(...)`."""
    return last(call.func)


def last(node: ast.AST) -> str:
    """The last part of a name: `args` of `self.args`; empty where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def dotted(node: ast.AST) -> str:
    """`np.random.seed` of such an expression; empty where it is another kind of one."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def bound(call: ast.Call, scope: Scope) -> dict[str, ast.expr]:
    """The arguments of a call by the parameter that each becomes."""
    parameters = scope.parameters
    if scope.owner and parameters and parameters[0] in ("self", "cls"):
        parameters = parameters[1:]
    found: dict[str, ast.expr] = {}
    for name, value in zip(parameters, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        found[name] = value
    found |= {k.arg: k.value for k in call.keywords if k.arg}
    return found

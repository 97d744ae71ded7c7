"""Options without effect: declared and never read, or read and never handed on."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from tuner.adopt.flow import Flow
from tuner.adopt.model import Finding, Option
from tuner.adopt.scopes import Scope, callee, dotted, last
from tuner.adopt.styles._common import literal

SAYING = frozenset(
    [
        "print",
        "pprint",
        "info",
        "debug",
        "warning",
        "error",
        "critical",
        "log",
        "format",
        "dumps",
        "dump",
        "add_text",
        "log_params",
        "log_param",
        "log_hyperparams",
        "add_hparams",
        "save_hyperparameters",
        "write",
        "rule",
        "isinstance",
        "hasattr",
        "type",
        "len",
        "repr",
        "str",
        "vars",
        "asdict",
        "update_config",
        "to_yaml",
        "safe_dump",
        "print_args",
        "items",
    ]
)
"""Calls that tell a value and do nothing else with it."""
UNCHANGED = frozenset(
    ["item", "detach", "cpu", "numpy", "clone", "mean", "sum", "tolist", "to", "float", "lower", "strip"]
)
"""Methods that give the same value in another form."""
CHECKING = frozenset(["error", "exit", "ArgumentTypeError", "ValueError", "ArgumentError"])


def findings(flow: Flow, options: Sequence[Option]) -> Iterator[Finding]:
    """One for each option that nothing depends on. Says nothing where the program was not read completely."""
    lives = _Lives(flow)
    if not flow.index.program.complete:
        return
    escaped = lives.escaped()
    for option in options:
        if option.function:
            uses = lives.of_parameter(option)
        else:
            if escaped or lives.named(option):
                continue
            uses = lives.of_option(option)
        if uses is None:
            continue
        if not uses:
            yield Finding(
                "inert", f"{option.flag.rstrip('=')} is declared and never used", (option.name,), option.where
            )
        elif not any(lives.effect(node, scope) for node, scope in uses):
            yield Finding(
                "inert",
                f"{option.flag.rstrip('=')} is read ({flow.index.where(uses[0][0])}) and never handed on to anything "
                "that trains",
                (option.name,),
                option.where,
            )


class _Lives:
    """Whether a value reaches anything but what tells it."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.index = flow, flow.index
        self._names: dict[tuple[int, str, bool], bool] = {}
        self._attributes: dict[tuple[str, bool], bool] = {}
        self._loads: dict[tuple[int, str], list[tuple[ast.AST, Scope]]] = {}
        self._read: dict[str, list[tuple[ast.AST, Scope]]] = {}
        self._direct: dict[str, list[tuple[ast.AST, Scope]]] = {}
        self._texts: dict[str, int] = {}
        for node in self.index.program.walk():
            scope = self.index.scope_of.get(id(node))
            if scope is None:
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._loads.setdefault((id(self._owner(node.id, scope)), node.id), []).append((node, scope))
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                self._read.setdefault(node.attr, []).append((node, scope))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._texts[node.value] = self._texts.get(node.value, 0) + 1
            option = flow.direct(node, scope) if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) else None
            if option is not None:
                self._direct.setdefault(option.name, []).append((node, scope))

    @staticmethod
    def _owner(name: str, scope: Scope) -> Scope:
        at: Scope | None = scope
        while at is not None:
            if name in at.names or name in at.parameters or at.parent is None:
                return at
            at = at.parent
        return scope

    def of_option(self, option: Option) -> list[tuple[ast.AST, Scope]]:
        """Where it is read."""
        return self._direct.get(option.name, [])

    def of_parameter(self, option: Option) -> list[tuple[ast.AST, Scope]] | None:
        """Where the parameter is read; None where the function takes what cannot be followed."""
        scopes = [
            s
            for s in self.index.scopes
            if (s.owner if s.name == "__init__" else s.name) == option.function and option.key in s.parameters
        ]
        if not scopes:
            return None
        read = self._loads.get((id(scopes[0]), option.key), [])
        kept = any(callee(c) in ("save_hyperparameters", "locals") for c, s in self._calls() if s is scopes[0])
        if kept:
            read = read + [u for u in self._read.get(option.key, []) if last(getattr(u[0], "value", u[0])) == "hparams"]
        return read

    def _calls(self) -> Iterator[tuple[ast.Call, Scope]]:
        for calls in self.index.calls.values():
            yield from calls

    def named(self, option: Option) -> bool:
        """Whether its name stands as a text, or as an attribute of what was not recognised as a namespace."""
        tail = option.key.rpartition(".")[2]
        known = {id(node) for node, _ in self.of_option(option)}
        texts = self._texts.get(tail, 0) + self._texts.get(option.key, 0)
        declared = sum(
            1
            for call, _ in self.index.calls.get("add_argument", [])
            for k in call.keywords
            if k.arg == "dest" and isinstance(k.value, ast.Constant) and k.value.value == tail
        )
        read = self._read.get(tail, [])
        strangers = [n for n, _ in read if id(n) not in known and last(getattr(n, "value", n)) != "self"]
        return texts > declared or bool(strangers)

    def escaped(self) -> bool:
        """Whether the whole namespace is handed to code that was not read."""
        for name in self.flow.namespaces:
            for (_, loaded), uses in self._loads.items():
                if loaded != name:
                    continue
                for node, scope in uses:
                    if self._escapes(node, scope):
                        return True
        return False

    def _escapes(self, node: ast.AST, scope: Scope) -> bool:
        parent = self.index.parents.get(id(node))
        if isinstance(parent, (ast.Attribute, ast.Subscript)) and parent.value is node:
            return False
        if isinstance(parent, ast.Call) and callee(parent) in ("vars", "asdict", "items") and parent.args:
            above = self.index.parents.get(id(parent))
            if isinstance(above, ast.Call):
                return callee(above) not in SAYING
            return not isinstance(above, (ast.Attribute, ast.Subscript, ast.FormattedValue, ast.comprehension))
        if isinstance(parent, ast.keyword):
            parent = self.index.parents.get(id(parent))
        if not isinstance(parent, ast.Call) or parent.func is node:
            return isinstance(parent, ast.Starred)
        name = callee(parent)
        known = name in self.index.functions or name in self.index.classes
        return not known and name not in SAYING and name not in ("getattr", "setattr")

    def effect(self, node: ast.AST, scope: Scope, depth: int = 0, derived: bool = False) -> bool:
        """Whether anything depends on this expression; derived: it is computed from the option, and telling a computed
        number is what some scripts do with a score."""
        if depth > 30:
            return True
        child, at = node, self.index.parents.get(id(node))
        while at is not None:
            if isinstance(at, ast.Call) and child is not at.func:
                return self._call(at, child, scope, depth, derived)
            if isinstance(at, ast.Call) and callee(at) not in UNCHANGED | SAYING:
                return True  # a method of what holds it: loss.backward()
            if isinstance(at, ast.keyword):
                call = self.index.parents.get(id(at))
                return not isinstance(call, ast.Call) or self._call(call, at, scope, depth, derived)
            if isinstance(at, ast.BinOp) and isinstance(at.op, ast.Mult) and _zero(at):
                return False
            derived = derived or (isinstance(at, ast.BinOp) and not isinstance(at.op, ast.Mod) and not _text(at))
            if isinstance(at, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                targets = at.targets if isinstance(at, ast.Assign) else [at.target]
                return any(self._target(t, scope, depth, derived) for t in targets)
            if isinstance(at, (ast.If, ast.While)):
                return not all(self._only_says(statement) for statement in at.body + at.orelse)
            if isinstance(at, (ast.Expr, ast.Assert)):
                return False
            if isinstance(at, ast.stmt):
                return True
            child, at = at, self.index.parents.get(id(at))
        return True

    def _only_says(self, statement: ast.stmt) -> bool:
        """Whether a statement of a branch does nothing but tell or refuse something."""
        if isinstance(statement, (ast.Raise, ast.Pass)):
            return True
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return callee(statement.value) in SAYING | CHECKING
        return isinstance(statement, ast.Expr)

    def _call(self, call: ast.Call, given: ast.AST, scope: Scope, depth: int, derived: bool) -> bool:
        name = callee(call)
        if name in ("str", "repr", "float", "int", "bool", "len", "format"):
            return self.effect(call, scope, depth + 1, derived)
        if name in SAYING:
            return derived
        if dotted(call.func).startswith(("wandb.", "mlflow.log", "logging.", "logger.")):
            return derived
        targets = [s for s in self.index.functions.get(name, []) if s.name != "__init__"]
        if name in self.index.classes:
            targets = [s for s in [self.index.methods.get((name, "__init__"))] if s is not None]
            if not targets:
                return True
        if not targets:
            return True
        return any(self._parameter(call, given, target, depth, derived) for target in targets)

    def _parameter(self, call: ast.Call, given: ast.AST, target: Scope, depth: int, derived: bool) -> bool:
        parameters = target.parameters
        if target.owner and parameters and parameters[0] in ("self", "cls"):
            parameters = parameters[1:]
        if isinstance(given, ast.keyword):
            name = given.arg
        else:
            place = next((i for i, a in enumerate(call.args) if a is given), None)
            if place is None or any(isinstance(a, ast.Starred) for a in call.args[: place + 1]):
                return True
            name = parameters[place] if place < len(parameters) else None
        if name is None or name not in parameters:
            return True
        return self._name(name, target, depth, derived)

    def _target(self, target: ast.expr, scope: Scope, depth: int, derived: bool) -> bool:
        if isinstance(target, ast.Name):
            return self._name(target.id, self._owner(target.id, scope), depth, derived)
        if isinstance(target, ast.Attribute):
            return self._attribute(target.attr, depth, derived)
        return True

    def _name(self, name: str, scope: Scope, depth: int, derived: bool) -> bool:
        key = (id(scope), name, derived)
        if key not in self._names:
            self._names[key] = False
            uses = self._loads.get(key[:2], [])
            self._names[key] = any(self.effect(node, inside, depth + 1, derived) for node, inside in uses)
        return self._names[key]

    def _attribute(self, name: str, depth: int, derived: bool) -> bool:
        key = (name, derived)
        if key not in self._attributes:
            self._attributes[key] = False
            uses = [
                u for u in self._read.get(name, []) if last(getattr(u[0], "value", u[0])) not in self.flow.namespaces
            ]
            texts = self._texts.get(name, 0) > 0 and any(c in self.index.calls for c in ("getattr", "hasattr"))
            self._attributes[key] = texts or any(self.effect(node, inside, depth + 1, derived) for node, inside in uses)
        return self._attributes[key]


def _zero(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.Constant) and side.value in (0, 0.0) for side in (node.left, node.right))


def _text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) or isinstance(literal(side), str) for side in (node.left, node.right))

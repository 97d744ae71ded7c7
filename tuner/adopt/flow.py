"""Follows values back to the options that they come from: `self.weight` to `weight=args.beta` to `--beta`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tuner.adopt.model import ENVIRONMENT, Option
from tuner.adopt.scopes import Definition, Index, Scope, bound, callee, dotted, last

NAMESPACES = frozenset(
    [
        "args",
        "arg",
        "opt",
        "opts",
        "options",
        "cfg",
        "config",
        "conf",
        "configs",
        "hparams",
        "hparam",
        "hp",
        "params",
        "flags",
        "FLAGS",
        "settings",
        "train_args",
        "training_args",
        "model_args",
        "data_args",
        "script_args",
        "parsed",
        "ns",
        "namespace",
        "parameters",
        "C",
    ]
)
PARSED = frozenset(
    [
        "parse_args",
        "parse_known_args",
        "parse_args_into_dataclasses",
        "parse",
        "cli",
        "safe_load",
        "full_load",
        "load",
        "loads",
    ]
)
SAME = frozenset(
    ["float", "int", "str", "bool", "tensor", "as_tensor", "FloatTensor", "Tensor", "abs", "array", "asarray"]
)
VARIABLE = ("os.environ.get", "os.getenv", "environ.get", "getenv")
DEEPEST = 40
MOST = 300
"""Steps back from one value: calls in a circle would make them grow without end."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A scope, and what its parameters are in the call that is followed."""

    scope: Scope
    given: Mapping[str, tuple[ast.expr, Frame]] = field(default_factory=dict)


class Flow:
    """The options of a program, and which of them a value comes from."""

    def __init__(self, index: Index, options: Sequence[Option]) -> None:
        self.index = index
        self.by_key = {option.key: option for option in options if not option.function}
        self.by_tail: dict[str, list[Option]] = {}
        for option in options:
            if not option.function:
                self.by_tail.setdefault(option.key.rpartition(".")[2], []).append(option)
        self.parameters = {(option.function, option.key): option for option in options if option.function}
        self._known: dict[tuple[int, int], tuple[ast.expr, Option | None]] = {}
        self._left = MOST
        self.namespaces = NAMESPACES | self._namespaces()

    def _namespaces(self) -> set[str]:
        """Names that hold what a parser returned, also by way of a function."""
        returning = set(PARSED)
        names: set[str] = set()
        for _ in range(2):
            for scope in self.index.scopes:
                for name, made in scope.names.items():
                    if any(isinstance(d.value, ast.Call) and callee(d.value) in returning for d in made):
                        names.add(name)
                if any(self._gives_namespace(d.value, returning, names) for d in scope.returns):
                    returning.add(scope.name)
        return names

    @staticmethod
    def _gives_namespace(value: ast.expr, returning: set[str], names: set[str]) -> bool:
        values = value.elts if isinstance(value, ast.Tuple) else [value]
        return any(
            (isinstance(v, ast.Call) and callee(v) in returning) or (isinstance(v, ast.Name) and v.id in names)
            for v in values
        )

    def direct(self, node: ast.AST, scope: Scope) -> Option | None:
        """The option that an expression reads from a namespace, or as a parameter of a command."""
        if isinstance(node, ast.Name):
            return self._parameter(node.id, scope)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        variable = self._variable(node)
        if variable is not None:
            return variable
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return self._keyed(node.value, node.slice.value)
        if isinstance(node, ast.Call) and callee(node) in ("getattr", "get", "pop"):
            if callee(node) == "getattr":
                base, rest = (node.args[0] if node.args else None), node.args[1:]
            else:
                base, rest = (node.func.value if isinstance(node.func, ast.Attribute) else None), node.args
            if base is not None and rest and isinstance(rest[0], ast.Constant):
                return self._keyed(base, rest[0].value)
        return None

    def _variable(self, node: ast.AST) -> Option | None:
        """The option that is an environment variable, where an expression reads one."""
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and dotted(node.value) in ("os.environ", "environ"):
            key = node.slice
        elif isinstance(node, ast.Call) and node.args and dotted(node.func) in VARIABLE:
            key = node.args[0]
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            return None
        return self.parameters.get((ENVIRONMENT, key.value))

    def _parameter(self, name: str, scope: Scope) -> Option | None:
        at: Scope | None = scope
        while at is not None:
            option = self.parameters.get((at.owner if at.name == "__init__" else at.name, name))
            if option is not None and name in at.parameters:
                return option
            if name in at.names or name in at.parameters:
                return None
            at = at.parent
        return None

    def _attribute(self, node: ast.Attribute) -> Option | None:
        if last(node.value) == "hparams":
            inside = [o for (_, key), o in self.parameters.items() if key == node.attr]
            if inside:
                return inside[0]
        return self._keyed(node.value, node.attr)

    def _keyed(self, base: ast.expr, key: object) -> Option | None:
        """`args.key`, or `cfg.a.b.key` by its whole path or the end of it."""
        if not isinstance(key, str) or key not in self.by_tail:
            return None
        path = [key, *self._path(base)]
        if path[-1] not in self.namespaces and not (len(path) > 1 and path[-1] in ("self",) and self._held(path)):
            return None
        inner = [part for part in path[:-1] if part not in self.namespaces and part != "self"]
        candidates = [o for o in self.by_tail[key] if _ends_alike(o.key.split(".")[::-1], inner)]
        return candidates[0] if candidates else None

    def _held(self, path: list[str]) -> bool:
        return any(part in self.namespaces for part in path[1:-1])

    @staticmethod
    def _path(base: ast.expr) -> list[str]:
        """The names of `a.b["c"]` from the last to the first."""
        parts: list[str] = []
        while True:
            if isinstance(base, ast.Attribute):
                parts.append(base.attr)
                base = base.value
            elif isinstance(base, ast.Subscript) and isinstance(base.slice, ast.Constant):
                parts.append(str(base.slice.value))
                base = base.value
            elif isinstance(base, ast.Name):
                return [*parts, base.id]
            elif isinstance(base, ast.Call) and base.args and callee(base) == "vars":
                base = base.args[0]
            else:
                return [*parts, ""]

    def origin(self, node: ast.expr, frame: Frame, depth: int = 0) -> Option | None:
        """The option whose value an expression has, unchanged; None where it is anything else."""
        if depth == 0:
            key = (id(node), id(frame.scope))
            if not frame.given and key in self._known:
                return self._known[key][1]
            self._left = MOST
            found = self._origin(node, frame, 0)
            if not frame.given:
                self._known[key] = (node, found)
            return found
        return self._origin(node, frame, depth)

    def _origin(self, node: ast.expr, frame: Frame, depth: int) -> Option | None:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            return None
        found = self.direct(node, frame.scope)
        if found is not None:
            return found
        if isinstance(node, ast.Call):
            if callee(node) in SAME and node.args:
                return self.origin(node.args[0], frame, depth + 1)
            if callee(node) in ("item", "to", "cuda", "float") and isinstance(node.func, ast.Attribute):
                return self.origin(node.func.value, frame, depth + 1)
            return None
        if isinstance(node, ast.IfExp):
            return self.origin(node.body, frame, depth + 1) or self.origin(node.orelse, frame, depth + 1)
        for definition, inside in self.definitions(node, frame):
            if definition.index is None and definition.operator is None:
                found = self.origin(definition.value, inside, depth + 1)
                if found is not None:
                    return found
        return None

    def definitions(self, node: ast.expr, frame: Frame) -> Iterator[tuple[Definition, Frame]]:
        """What a name, an attribute or an item may hold: its assignments, or the arguments of the calls."""
        if isinstance(node, ast.Name):
            yield from self._of_name(node, frame)
        elif isinstance(node, ast.Attribute) and (last(node.value) == "self" or self.index.attributes.get(node.attr)):
            for made in self.index.attributes.get(node.attr, []):
                if made.value is not node:
                    yield made, Frame(made.scope)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            for made in self.index.items.get((last(node.value), node.slice.value), []):
                yield made, self._same(made, frame)
            for made, inside in self.definitions(node.value, frame) if isinstance(node.value, ast.Name) else ():
                value = _item(made.value, node.slice.value)
                if value is not None:
                    yield Definition(value, made.scope, made.line, made.branch, tests=made.tests), inside

    @staticmethod
    def _same(made: Definition, frame: Frame) -> Frame:
        return frame if made.scope is frame.scope else Frame(made.scope)

    def _of_name(self, node: ast.Name, frame: Frame) -> Iterator[tuple[Definition, Frame]]:
        at: Frame | None = frame
        while at is not None:
            scope = at.scope
            made = scope.names.get(node.id, [])
            if made:
                line = node.lineno if scope is frame.scope else 10**9
                reaching = self._reaching(made, line, self.index.branches.get(id(node), ()))
                for definition in reaching:
                    yield definition, at
                if any(d.operator is None and not d.branch for d in reaching) or node.id not in scope.parameters:
                    return
            if node.id in scope.parameters:
                yield from self._arguments(node.id, at)
                return
            at = Frame(scope.parent) if scope.parent is not None else None

    @staticmethod
    def _reaching(made: list[Definition], line: int, branch: tuple[tuple[int, str], ...]) -> list[Definition]:
        """The assignments that may hold at a line: from the last one before it to one that always happened."""
        before = sorted((d for d in made if d.line < line), key=lambda d: -d.line)
        before = [d for d in before if not any((i, w) in branch for i, w in _others(d.branch))]
        found = []
        for definition in before or made:
            found.append(definition)
            if definition.operator is None and set(definition.branch) <= set(branch):
                break
        return found

    def _arguments(self, name: str, frame: Frame) -> Iterator[tuple[Definition, Frame]]:
        if name in frame.given:
            value, inside = frame.given[name]
            yield Definition(value, inside.scope, getattr(value, "lineno", 0), ()), inside
            return
        if frame.given:
            default = self._default(name, frame.scope)
            if default is not None:
                yield Definition(default, frame.scope, default.lineno, ()), Frame(frame.scope.parent or frame.scope)
            return
        scope = frame.scope
        called = scope.owner if scope.name == "__init__" else scope.name
        for call, caller in self.index.calls.get(called, []):
            value_given = bound(call, scope).get(name)
            if value_given is not None:
                yield Definition(value_given, caller, call.lineno, ()), Frame(caller)

    @staticmethod
    def _default(name: str, scope: Scope) -> ast.expr | None:
        if isinstance(scope.node, ast.Module):
            return None
        given = scope.node.args
        positional = [*given.posonlyargs, *given.args]
        for parameter, value in zip(positional[::-1], given.defaults[::-1], strict=False):
            if parameter.arg == name:
                return value
        for parameter, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            if parameter.arg == name:
                return default
        return None

    def inside(self, node: ast.AST, frame: Frame) -> set[str]:
        """Names of all options that an expression is made of."""
        found: set[str] = set()
        for child in ast.walk(node):
            if isinstance(child, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
                option = self.origin(child, frame)
                if option is not None:
                    found.add(option.name)
        return found

    def target(self, call: ast.Call, frame: Frame) -> Scope | None:
        """The function of the program that a call runs; None for one from outside, or where it cannot be told."""
        name = callee(call)
        if isinstance(call.func, ast.Name):
            plain = [s for s in self.index.functions.get(name, []) if not s.owner]
            if plain:
                return plain[0]
        elif isinstance(call.func, ast.Attribute):
            methods = [s for s in self.index.functions.get(name, []) if s.owner or not dotted(call.func.value)]
            if len(methods) == 1 and name not in ("forward", "step", "mean", "sum", "item", "backward"):
                return methods[0]
            modules = [s for s in self.index.functions.get(name, []) if not s.owner]
            if len(modules) == 1 and not methods:
                return modules[0]
        made = self.constructed(call.func, frame)
        for method in ("forward", "__call__", "call"):
            if made and (made, method) in self.index.methods:
                return self.index.methods[(made, method)]
        return None

    def constructed(self, node: ast.expr, frame: Frame, depth: int = 0) -> str | None:
        """The class of the program whose object an expression holds."""
        if depth > 8:
            return None
        if isinstance(node, ast.Call):
            if callee(node) in self.index.classes:
                return callee(node)
            if callee(node) in ("to", "cuda", "cpu", "DataParallel", "DistributedDataParallel", "DDP", "compile"):
                held = getattr(node.func, "value", None) if callee(node) in ("to", "cuda", "cpu") else None
                inner = held or (node.args[0] if node.args else None)
                return self.constructed(inner, frame, depth + 1) if inner is not None else None
            return None
        for made, inside in self.definitions(node, frame):
            found = self.constructed(made.value, inside, depth + 1)
            if found:
                return found
        return None


def _item(value: ast.expr, key: object) -> ast.expr | None:
    """What a dict display holds under a key."""
    if isinstance(value, ast.Dict):
        for name, held in zip(value.keys, value.values, strict=True):
            if isinstance(name, ast.Constant) and name.value == key:
                return held
    if isinstance(value, ast.Call) and callee(value) == "dict":
        return next((k.value for k in value.keywords if k.arg == key), None)
    return None


def _others(branch: tuple[tuple[int, str], ...]) -> list[tuple[int, str]]:
    """The branches that exclude the given ones."""
    return [(i, "orelse" if which == "body" else "body") for i, which in branch]


def _ends_alike(key: list[str], read: list[str]) -> bool:
    """Whether a reading path, from its end, agrees with an option's as far as both go."""
    return all(a == b for a, b in zip(key, read, strict=False))

"""The source of a script and of the local modules that it imports, as syntax trees. Nothing is run."""

from __future__ import annotations

import ast
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tuner.errors import InputError

LARGEST = 2_000_000
"""Bytes of a file that is read."""
MOST_FILES = 60
"""Files of one program."""


@dataclass(frozen=True)
class Module:
    """One file."""

    path: Path
    tree: ast.Module
    label: str
    """its path as messages show it"""

    def where(self, node: ast.AST) -> str:
        """file:line of a node."""
        return f"{self.label}:{getattr(node, 'lineno', 0)}"


@dataclass(frozen=True)
class Program:
    """A script and the modules beside it that it imports."""

    modules: tuple[Module, ...]
    complete: bool
    """whether every import that looks local was followed"""

    @property
    def main(self) -> Module:
        """The script itself."""
        return self.modules[0]

    @property
    def folder(self) -> Path:
        """The folder of the script."""
        return self.main.path.parent

    @cached_property
    def imported(self) -> frozenset[str]:
        """Top-level names of all imports."""
        names: set[str] = set()
        for node in self.walk():
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
        return frozenset(names)

    def walk(self) -> Iterator[ast.AST]:
        """Every node of every module."""
        for module in self.modules:
            yield from ast.walk(module.tree)


def read(script: Path) -> Program:
    """Raises InputError, in one sentence, for what is no script that can be read."""
    if script.suffix == ".ipynb":
        raise InputError(
            f"{script} is a notebook: expected a script. `jupyter nbconvert --to script {script.name}` makes one"
        )
    if script.is_dir():
        raise InputError(f"{script} is a folder: expected a training script, like {script}/train.py")
    if not script.is_file():
        raise InputError(f"{script}: there is no such file; expected a training script")
    main = parse(script, script.name)
    modules, waiting, known, complete = [main], deque([main]), {script.resolve()}, True
    while waiting:
        module = waiting.popleft()
        for path in _local_imports(module, script.parent):
            if path.resolve() in known:
                continue
            if len(modules) >= MOST_FILES:
                complete = False
                break
            known.add(path.resolve())
            try:
                other = parse(path, _label(path, script.parent))
            except InputError:
                complete = False
                continue
            modules.append(other)
            waiting.append(other)
    return Program(tuple(modules), complete)


def parse(path: Path, label: str) -> Module:
    """One file as a tree. Raises InputError in one sentence."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise InputError(f"{path} has {size:,} bytes: expected a script of at most {LARGEST:,}")
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        depth(tree)
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno or 1}: this is no Python that can be read: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: this is no Python that can be read: {error or type(error).__name__}") from None
    return Module(path, tree, label)


def depth(tree: ast.AST, most: int = 300) -> None:
    """Raises RecursionError for a tree nested more deeply than any script is: what reads it recurses."""
    level: list[ast.AST] = [tree]
    for _ in range(most):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise RecursionError("it is nested too deeply")


def _label(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name


def _local_imports(module: Module, folder: Path) -> Iterator[Path]:
    """Files beside or below the script that a module imports; also those of the packages around it."""
    roots = [folder, *list(list(folder.resolve().parents)[:2])]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(roots, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base, names = node.module or "", [alias.name for alias in node.names]
            places = roots
            if node.level:
                package = module.path.parent
                for _ in range(node.level - 1):
                    package = package.parent
                places = [package]
            yield from _files(places, base)
            for name in names:
                yield from _files(places, f"{base}.{name}".strip("."))


def _files(roots: list[Path], dotted: str) -> Iterator[Path]:
    parts = dotted.split(".") if dotted else []
    if any(not part.isidentifier() for part in parts):
        return
    for root in roots:
        path = root.joinpath(*parts)
        for file in (path.with_suffix(".py") if parts else None, path / "__init__.py"):
            if file is not None and _is_file(file):
                yield file
                return


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False

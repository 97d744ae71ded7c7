"""YAML files from outside: read safely, with line numbers for error messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuner.errors import InputError


class Document:
    """A mapping read from a file, which knows on which line each field stands."""

    def __init__(self, path: Path, tree: Any) -> None:
        self.path = path
        self._tree = tree
        self.data: dict[str, Any] = _plain(tree)

    def where(self, field: tuple[int | str, ...]) -> str:
        """`file:line` of a field, or of the closest thing around it that exists."""
        node: Any = self._tree
        line = 1
        for key in field:
            try:
                line = (node.lc.item(key) if isinstance(key, int) else node.lc.key(key))[0] + 1
                node = node[key]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return f"{self.path}:{line}"


def read(path: Path, what: str) -> Document:
    """Read a YAML mapping. Raises InputError for a file that is missing, unreadable, no YAML or no mapping."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{what} {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {path} cannot be read: {error}") from None
    try:
        # Round-trip loading builds plain values with line numbers and runs no constructor of the file's choosing.
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{what} {path}:{line} is not valid YAML: {error.problem}") from None
    except (YAMLError, ValueError) as error:
        raise InputError(f"{what} {path} is not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        found = "nothing" if tree is None else type(_plain(tree)).__name__
        raise InputError(f"{what} {path}: expected a mapping of field to value; found {found}")
    return Document(path, tree)


def dump(data: dict[str, Any]) -> str:
    """A mapping as block-style YAML, in its own order."""
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.Representer = _representer()
    yaml.default_flow_style = False
    yaml.representer.ignore_aliases = lambda data: True  # what occurs twice is written twice
    yaml.width = 120
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _representer() -> Any:
    """Writes so that YAML 1.1, as PyYAML reads it, finds the same: 1.0e-05 for 1e-05, and texts such as `no` or 1e-5
    in quotes."""
    from ruamel.yaml.representer import RoundTripRepresenter
    from ruamel.yaml.resolver import implicit_resolvers

    old = [pattern for versions, tag, pattern, _ in implicit_resolvers if (1, 1) in versions]

    class Representer(RoundTripRepresenter):
        pass

    def number(self: Any, value: float) -> Any:
        text = repr(value)
        if "e" in text and "." not in text:
            text = text.replace("e", ".0e", 1)
        special = {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}
        return self.represent_scalar("tag:yaml.org,2002:float", special.get(text, text))

    def word(self: Any, value: str) -> Any:
        read_otherwise = any(pattern.match(value) for pattern in old) or _number(value)
        return self.represent_scalar("tag:yaml.org,2002:str", value, style="'" if read_otherwise else None)

    Representer.add_representer(float, number)
    Representer.add_representer(str, word)
    return Representer


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {(str(k) if isinstance(k, str) else k): _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node

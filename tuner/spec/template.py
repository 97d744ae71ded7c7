"""The config file of a script, made from a template of the user's with a trial's knobs in it: YAML, JSON or TOML.

A knob stands where its name points, `loss.beta` in the mapping `loss`, or where the text `{name}` is. Whatever else the
template says stays as it is.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.errors import InputError, unknown
from tuner.spec import yaml

FORMATS = (".yaml", ".yml", ".json", ".toml")


def render(template: Path, knobs: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The file's text. knobs: of the trial; given: of the other placeholders (seed, output, ...).

    Raises InputError for a template that cannot be read, and for a knob that stands nowhere in it.
    """
    data = _read(template)
    texts = [text for text in _texts(data) if "{" in text]
    for name, value in knobs.items():
        if not any(f"{{{name}}}" in text for text in texts):
            _place(data, name, value, template)
    data = _filled(data, {**given, **knobs})
    if template.suffix == ".json":
        return json.dumps(data, indent=2) + "\n"
    return _toml(data) if template.suffix == ".toml" else yaml.dump(data)


def check(template: Path, knobs: Mapping[str, Any], elsewhere: set[str]) -> None:
    """Raise InputError for a template that cannot be read, or for a knob that is neither in it nor among `elsewhere`,
    the names in the command."""
    render(template, {name: value for name, value in knobs.items() if name not in elsewhere}, {})


def _read(template: Path) -> dict[str, Any]:
    if template.suffix not in FORMATS:
        raise InputError(f"script.config: expected a file ending in {', '.join(FORMATS)}; found {template.name}")
    if template.suffix in (".yaml", ".yml"):
        return dict(yaml.read(template, "script.config").data)
    try:
        text = template.read_text(encoding="utf-8")
        data = json.loads(text) if template.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"script.config {template} cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise InputError(f"script.config {template}: expected a mapping; found {type(data).__name__}")
    return data


def _place(data: dict[str, Any], name: str, value: Any, template: Path) -> None:
    """Put a value where its dotted name points, which has to be there: a misspelt name would change nothing."""
    if name in data:
        data[name] = typed(value, data[name])
        return
    node: Any = data
    *way, last = name.split(".")
    for part in way:
        node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node:
        there = sorted(_names(data))
        raise InputError(f"script.config {template.name}: {unknown('field', name, there)}; or write {{{name}}} in it")
    node[last] = typed(value, node[last])


def typed(value: Any, before: Any = None) -> Any:
    """A choice, which a study keeps as a word, as what it says: true, null, a number. A text where one stood."""
    if not isinstance(value, str) or isinstance(before, str):
        return value
    if value in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[value]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    if not isinstance(node, str) or "{" not in node:
        return node
    if node[1:-1] in values and node == f"{{{node[1:-1]}}}":
        return typed(values[node[1:-1]])
    for name, value in values.items():
        node = node.replace(f"{{{name}}}", str(value))
    return node


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in _texts(value)]
    return [node] if isinstance(node, str) else []


def _names(node: Mapping[str, Any], before: str = "") -> list[str]:
    found = []
    for key, value in node.items():
        name = f"{before}{key}"
        found += [name, *(_names(value, f"{name}.") if isinstance(value, dict) else [])]
    return found


def _toml(data: Mapping[str, Any], above: str = "") -> str:
    """A mapping as TOML: its values, then its tables. TOML has no null: such a field is left out."""
    plain = {key: value for key, value in data.items() if not isinstance(value, dict) and value is not None}
    text = "".join(f"{_key(key)} = {_toml_value(value)}\n" for key, value in plain.items())
    for key, value in data.items():
        if isinstance(value, dict):
            name = f"{above}{_key(key)}"
            text += f"\n[{name}]\n{_toml(value, f'{name}.')}"
    return text


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else json.dumps(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    return repr(value) if isinstance(value, (int, float)) else str(value)

"""Find a study file, read it, say on which line something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trainer.config import BUILT_IN
from trainer.errors import InputError, unknown
from tuner.spec import yaml
from tuner.spec.model import MODELS, Spec
from tuner.spec.sections import Range

RECOMMENDATION = "recommendation"
"""The file that holds the plans of the recommendation; not a study itself."""


def folder() -> Path:
    """Where the shipped study files lie."""
    import search_spaces

    return Path(next(iter(search_spaces.__path__)))


def names() -> list[str]:
    """The studies that are shipped."""
    return sorted(path.stem for path in folder().glob("*.yaml") if path.stem != RECOMMENDATION)


def find(study: str) -> Path:
    """A study file by path or by name in search_spaces/."""
    if study.endswith((".yaml", ".yml")) or "/" in study:
        return Path(study)
    if study not in names():
        raise InputError(f"{unknown('study', study, names())} (or give the path of a .yaml file)")
    return folder() / f"{study}.yaml"


def load(study: str) -> Spec:
    """Read and check a study file. Raises InputError with file and line."""
    path = find(study)
    document = yaml.read(path, "study file")
    data = dict(document.data)
    section, model = data.get("data"), data.get("model")
    if isinstance(section, dict) and isinstance(section.get("path"), str):
        file = _beside(path, section["path"])
        data["data"] = {"source": _source(file, document) if "source" not in section else "", **section, "path": file}
    if isinstance(model, str):
        model = {"file": model}
    if isinstance(model, dict) and isinstance(model.get("file"), str):
        data["model"] = {**model, "file": _beside(path, model["file"])}
        data.setdefault("plans", {})
    if isinstance(data.get("function"), str):
        data["function"] = _beside(path, data["function"])
    if data.get("command") is not None or data.get("function") is not None:
        script = data.get("script", {})
        if isinstance(script, dict):
            data["script"] = {**script, "directory": _beside(path, str(script.get("directory", ".")))}
            if isinstance(script.get("config"), str):
                data["script"]["config"] = _beside(path, script["config"])
        data.setdefault("plans", {})
    data.setdefault("plans", recommended_plans())
    return parse(data, document)


def _beside(file: Path, name: str) -> str:
    """What a study file calls `name`: a path relative to it."""
    return str((file.parent / Path(name).expanduser()).resolve())


def _source(file: str, document: yaml.Document) -> str:
    from trainer.data import source_of

    try:
        return source_of(file)
    except InputError as error:
        raise InputError(f"{document.where(('data', 'path'))}: {error}") from None


def parse(data: dict[str, Any], document: yaml.Document | None = None) -> Spec:
    """Check a study given as a mapping; `document` is where it came from, for line numbers."""
    try:
        return Spec.model_validate(data)
    except ValidationError as error:
        raise InputError(explain(error, document, _siblings, _mentioned)) from None


def recommended_plans() -> dict[str, dict[str, Any]]:
    """The plans of the recommendation, as data."""
    plans: dict[str, dict[str, Any]] = yaml.read(folder() / f"{RECOMMENDATION}.yaml", "plans").data["plans"]
    return plans


def schema() -> dict[str, Any]:
    """JSON Schema of a study file, for editors."""
    found = Spec.model_json_schema()
    ranges = found["properties"]["knobs"].pop("additionalProperties")
    # Knobs of another name are those of one's own model or script.
    known = dict.fromkeys(BUILT_IN.knobs, ranges)
    found["properties"]["knobs"] |= {"properties": known, "additionalProperties": ranges}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def explain(
    error: ValidationError,
    document: yaml.Document | None,
    siblings: Callable[[tuple[Any, ...]], list[str]],
    mentioned: Callable[[str, dict[str, Any]], tuple[int | str, ...]],
) -> str:
    """One line for each thing that is wrong in a file: where, which field, what was expected, what was found.

    siblings: fields that exist beside an unknown one; mentioned: where a check of the whole file points, from its text.
    """
    lines = []
    for e in error.errors():
        whole = tuple(part for part in e["loc"] if part not in ("float", "str", "int"))
        loc = tuple(part for part in whole if part not in MODELS)
        field = ".".join(str(part) for part in loc)
        text = e["msg"].removeprefix("Value error, ")
        if e["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            text, field = unknown("field", loc[-1], siblings(whole)), ".".join(str(part) for part in loc[:-1])
        elif e["type"] == "missing":
            text = "this field is required"
        elif e["type"] != "value_error":
            text = f"{text[:1].lower()}{text[1:]}; found {e['input']!r}"
        where = f"{document.where(loc or mentioned(text, document.data))}: " if document else ""
        lines.append(f"{where}{field + ': ' if field else ''}{text}")
    return "\n".join(lines)


def _mentioned(text: str, data: dict[str, Any]) -> tuple[str, ...]:
    """Where a check of the whole file points: the knob or field with which its message starts or that it quotes."""
    words = text.replace(":", " ").replace("'", " ").replace(".", " ").split()
    for section in (*(word for word in words[:2] if word in data), "knobs"):
        inside = data.get(section)
        if not isinstance(inside, dict):
            return (section,) if section in data else ()
        for word in words:
            if word in inside:
                return (section, word)
    return tuple(word for word in words[:1] if word in data)


def _siblings(loc: tuple[Any, ...]) -> list[str]:
    """Names that exist beside an unknown field."""
    node: Any = Spec
    for part in loc[:-1]:
        if part in MODELS:
            node = MODELS[part]
            continue
        fields = getattr(node, "model_fields", None) or getattr(node, "__dataclass_fields__", {})
        if part not in fields:
            return list(Range.model_fields)
        annotation = getattr(fields[part], "annotation", None) or fields[part].type
        node = annotation
    fields = getattr(node, "model_fields", None) or getattr(node, "__dataclass_fields__", {})
    return [name for name in fields if not name.startswith("_")] or list(Range.model_fields)


if __name__ == "__main__":  # python -m tuner.spec.file > search_spaces/schema.json
    import json

    print(json.dumps(schema(), indent=2))

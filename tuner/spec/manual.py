"""The reference of study files, docs/study-file.md: `python -m tuner.spec.manual > docs/study-file.md` writes it anew.

It is made of the schema, so that it says what the validator does; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from trainer.config import KNOBS, LossConfig
from trainer.knobs import Knob
from trainer.objective import DIRECTIONS
from tuner.spec import file as study_file

SECTIONS = {
    "data": ("DataSection",),
    "model": ("ModelConfig", "OwnModel"),
    "training": ("TrainingConfig",),
    "search": ("SearchSection",),
    "knobs": ("Range",),
    "script": ("ScriptSection",),
    "export": ("ExportSection",),
}
"""Fields of a study file that hold fields of their own, and the definitions that say which."""

OPENING = """\
# Study files

<!-- Made from the schema by `python -m tuner.spec.manual > docs/study-file.md`; what is changed by hand is lost. -->

A study file says what is trained, what is searched and what it is compared with. Only `knobs` is required. Unknown
fields, knobs and values are refused with the line and what exists. `tuner init --data FILE` writes one for your data.

Editors that know the YAML language server complete and check a study file whose first line names the
[schema](../search_spaces/schema.json):

```yaml
# yaml-language-server: $schema=schema.json
description: Is a larger weight better on my data?
data: {path: my_features.npz}                     # relative to this file; add labels: 0.05 to hide 95% of the labels
training: {epochs: 40}
objective: val/macro_f1                           # a yardstick on validation; never a weighted loss
search: {trials: 60}
knobs:
  encoder_loss_weight: {low: 0.001, high: 1.0, log: true}
  reconstruction_loss: {choices: [mse, smooth_l1]}
  weighting: {choices: [fixed, warmup, ema_inverse]}
  warmup_epochs: {low: 1, high: 10}               # searched only where weighting is warmup
fixed: {class_weights: balanced}
```

Numbers may be written as `1e-3`. Paths are relative to the file. `tuner start` keeps a complete copy with the study, so
that a later change of the file does not change what was started: it is refused, with the fields that differ.

The recommendation's plans are tried in every study of the built-in model; where your ranges leave them out, name plans
of your own, or `plans: {}` for none. The shipped studies, in [search_spaces/](../search_spaces):
"""

KNOBS_TEXT = """\
A number has `low` and `high`, and `log: true` where its size is unknown; a word has `choices`. A knob that exists only
with the choice of another one is searched only there, and named alone it implies that choice.
"""

OBJECTIVES = """\
## `objective`

What trials are ranked and pruned by: a yardstick on the validation rows, which no knob rescales
([measures.md](measures.md)). A weighted loss is refused, since it falls when a weight falls, whatever the model does. A
script's objective is any metric that it reports; `direction` says which way it is better.
"""


def manual() -> str:
    """The whole page."""
    schema = study_file.schema()
    definitions, fields = schema["$defs"], schema["properties"]
    shipped = ((f"`{name}`", study_file.load(name).description) for name in study_file.names())
    parts = [OPENING, rows(("study", "searches"), shipped), "## Fields\n", table(fields, set(schema["required"]))]
    for name, kinds in SECTIONS.items():
        parts.append(f"## `{name}`\n")
        for kind in kinds:
            found = definitions[kind]
            parts += [found["description"] + "\n", table(found["properties"], set(found.get("required", ())))]
        if name == "knobs":
            parts += [KNOBS_TEXT, "The knobs of the built-in model:\n", knob_table()]
    parts += [OBJECTIVES, rows(("objective", "direction"), ((f"`{n}`", way) for n, way in DIRECTIONS.items()))]
    return "\n".join(parts)


def table(fields: Mapping[str, Any], required: set[str]) -> str:
    """Fields with what they may be and what they are by default."""
    return rows(
        ("field", "is", "default", "what"),
        (
            (f"`{name}`", described(field), "required" if name in required else usual(name, field), told(name, field))
            for name, field in fields.items()
        ),
    )


def described(field: Mapping[str, Any]) -> str:
    """What a field may be, in words."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(described(kind) for kind in field["anyOf"] if kind.get("type") != "null"))
    if "$ref" in field or field["type"] == "object":
        return "mapping"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return "list"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    limits = [f"{word} {field[bound]:g}" for bound, word in bounds.items() if bound in field]
    return names[field["type"]] + (f" {' and '.join(limits)}" if limits else "")


def usual(name: str, field: Mapping[str, Any]) -> str:
    """A field's default."""
    value = field.get("default")
    if name in SECTIONS or value in (None, "", {}):
        return ""
    return shown(value)


def shown(value: Any) -> str:
    """A plain value as YAML has it."""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def told(name: str, field: Mapping[str, Any]) -> str:
    """A field's description on one line; where it has a section, that of the section, and the way there."""
    text = field.get("description") or study_file.schema()["$defs"][SECTIONS[name][0]]["description"]
    return " ".join(text.split()) + (f" [Its fields](#{name})." if name in SECTIONS else "")


def knob_table() -> str:
    """The knobs of the built-in model."""
    fields = TypeAdapter(LossConfig).json_schema()["properties"]
    return rows(
        ("knob", "is", "default", "exists with", "what"),
        (
            (
                f"`{name}`",
                allowed(knob),
                shown(fields[name]["default"]),
                f"`{knob.when[0]}: {knob.when[1]}`" if knob.when else "",
                " ".join(fields[name]["description"].split()),
            )
            for name, knob in KNOBS.items()
        ),
    )


def allowed(knob: Knob) -> str:
    """What a knob may be, in words."""
    if knob.kind == "word":
        return ", ".join(f"`{choice}`" for choice in knob.choices)
    return f"{'whole number' if knob.kind == 'int' else 'number'} {knob.describe()}"


def rows(header: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [header, ("---",) * len(header), *body]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    print(manual(), end="")

"""A spec as plain data, changed by the command line, and how two differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.errors import InputError
from tuner.spec.model import Spec

if TYPE_CHECKING:
    pass


def with_overrides(
    spec: Spec,
    *,
    epochs: int | None = None,
    trials: int | None = None,
    seed: int | None = None,
    data: str | None = None,
    plans: Mapping[str, Mapping[str, Any]] | None = None,
) -> Spec:
    """The spec with what the command line changes; `plans` come before those that it has."""
    from tuner.spec.file import parse

    raw = spec_dict(spec)
    if epochs is not None:
        raw["training"]["epochs"] = epochs
    if trials is not None:
        raw["search"]["trials"] = trials
    if seed is not None:
        raw["seed"] = seed
    if data is not None:
        if spec.command is not None:
            raise InputError("--data does not reach a script, which reads its own data")
        from trainer.data import source_of

        path = str(Path(data).expanduser().absolute())
        raw["data"] |= {"source": source_of(path), "path": path}
    if plans:
        raw["plans"] = {**plans, **{n: knobs for n, knobs in (raw["plans"] or {}).items() if n not in plans}}
    return parse(raw)


def spec_dict(spec: Spec) -> dict[str, Any]:
    """The spec as plain data, as it is stored."""
    return spec.model_dump(mode="json")


def differences(old: Spec, new: Spec) -> list[str]:
    """Fields in which two specs differ, as `field: old -> new`; the number of trials may change and does not count."""
    a, b = _flat(spec_dict(old)), _flat(spec_dict(new))
    ignored = {"search.trials", "search.race", "description"}  # and `export`, which changes nothing that is trained
    missing = "(absent)"
    return [
        f"{key}: {a.get(key, missing)} -> {b.get(key, missing)}"
        for key in sorted(a.keys() | b.keys())
        if key not in ignored and not key.startswith("export.") and a.get(key, missing) != b.get(key, missing)
    ]


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict) or not data:
        return {prefix: data}
    return {k: v for key, value in data.items() for k, v in _flat(value, f"{prefix}.{key}" if prefix else key).items()}

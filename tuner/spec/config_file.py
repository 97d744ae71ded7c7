"""A config from a flat YAML file, as `export` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.config import BUILT_IN
from trainer.knobs import Config, Vocabulary
from tuner.errors import InputError
from tuner.spec import yaml


def config_file(path: Path, vocabulary: Vocabulary = BUILT_IN) -> Config:
    """A flat YAML (or JSON) mapping from knob to value, as `export` writes it; `provenance` is left aside."""
    knobs: dict[str, Any] = dict(yaml.read(path, "config file").data)
    knobs.pop("provenance", None)
    try:
        return vocabulary.config(knobs)
    except (InputError, TypeError) as error:
        raise InputError(f"config file {path}: {error}") from None

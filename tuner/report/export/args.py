"""A config as command-line flags of the script that is going to be run with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from trainer.config import BUILT_IN
from trainer.knobs import Config
from tuner.errors import InputError
from tuner.spec.command import Command, show
from tuner.spec.model import Spec
from tuner.spec.sections import Flags

JOYFUL: dict[str, Flags] = {
    "encoder_loss_weight": "--encoder_loss_weight",
    "reconstruction_loss": {"mse": "", "smooth_l1": "--use_smooth_l1", "*": "--reconstruction_loss {value}"},
    "smooth_l1_beta": {"1": "", "*": "--smooth_l1_beta {value}"},
    "gate_reg_weight": "--gate_reg_weight",
    "classification_loss": {"*": ""},  # focal_gamma says it: 0 is cross-entropy
    "focal_gamma": {"0": "", "*": "--focal_gamma {value}"},
    "class_weights": {"none": "", "balanced": "--class_weight"},
    "contrastive_weight": {"0": "", "*": "--cl_loss_weight {value}"},
    "contrastive_temperature": {"0.1": "", "*": "--contrastive_temperature {value}"},
    "weighting": {"fixed": "", "*": "--weighting {value}"},
    "warmup_epochs": "--warmup_epochs",
    "ema_momentum": "--ema_momentum",
    "ema_range": "--ema_range",
    "dwa_temperature": "--dwa_temperature",
}
"""The flags of JOYFUL's training script where the study file gives none. `--encoder_loss_weight`, `--use_smooth_l1`,
`--gate_reg_weight`, `--class_weight` and `--cl_loss_weight` are its own; the other knobs have flags of their own names
and appear only where they differ from what that script does."""


def as_args(spec: Spec, config: Config) -> str:
    """Flags for `config`: by the study file's `export.args`, else by the command of the user's own script, else
    JOYFUL's, or for another model a flag a knob.

    Raises InputError for a value that the study file's flags cannot express.
    """
    flags = spec.export.args
    if flags is None and spec.command is not None:
        return shlex.join(Command(spec.command).flags(config.knobs()))
    if flags is None:
        flags = JOYFUL if spec.vocabulary is BUILT_IN else {name: f"--{name}" for name in config.knobs()}
    parts = []
    missing = []
    for name, value in config.knobs().items():
        text = _text(flags[name], value) if name in flags else None
        if text is not None:
            parts.append(text.replace("{value}", _shown(value)))
        elif name in flags or name in spec.knobs or value != spec.vocabulary.defaults.get(name):
            missing.append((name, value, flags.get(name)))
    if missing:
        raise InputError("\n".join(_no_flag(*what) for what in missing))
    return " ".join(part for part in parts if part)


def _text(flags: Flags, value: Any) -> str | None:
    """The text for a value, with {value} where it goes; None where there is none for it."""
    if isinstance(flags, str):
        return flags if "{value}" in flags or not flags else f"{flags} {{value}}"
    for given, text in flags.items():
        if given != "*" and _same(given, value):
            return text
    return flags.get("*")


def _same(given: str, value: Any) -> bool:
    if isinstance(value, str):
        return given == value
    try:
        return bool(float(given) == value)
    except ValueError:
        return False


def _no_flag(name: str, value: Any, flags: Flags | None) -> str:
    shown = _shown(value)
    if isinstance(flags, Mapping):
        return f"export.args.{name} has no flag for {shown}; it has: {', '.join(flags)} (* stands for any other value)"
    return (
        f'export.args has no flag for {name} = {shown}: add one (`{name}: --{name}`), or `{name}: ""` where the '
        "script does that anyway"
    )


def _shown(value: Any) -> str:
    return show(float(f"{value:.6g}")) if isinstance(value, float) and value < 0 else _brief(value)


def _brief(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

"""A short name for a trial: what differs between it and the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.config import BUILT_IN

_SHORT = {"encoder_loss_weight": "w", "gate_reg_weight": "gate", "focal_gamma": "focal", "warmup_epochs": "warmup"}
_ALWAYS = ("encoder_loss_weight", "reconstruction_loss", "gate_reg_weight", "warmup_epochs")
"""Shown even where they are as usual."""
_SAID_BY_ANOTHER = (("weighting", "warmup"), ("classification_loss", "focal"))
_SELF_EXPLAINING = ("reconstruction_loss", "weighting")


def title(number: int, knobs: Mapping[str, Any], label: str | None = None) -> str:
    """A short name for what differs between trials: `#12 w=0.031 smooth_l1 gate=0.01 focal=1.2`."""
    parts = [part for name, value in knobs.items() if (part := _brief(name, value))]
    return " ".join([f"#{number}", *parts]) + (f" ({label})" if label else "")


def _brief(name: str, value: Any) -> str:
    """One knob in a few characters; nothing where it is as usual or another knob says it."""
    if (name, value) in _SAID_BY_ANOTHER or (name not in _ALWAYS and BUILT_IN.defaults.get(name) == value):
        return ""
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    return shown if name in _SELF_EXPLAINING else f"{_SHORT.get(name, name.removesuffix('_weight'))}={shown}"

"""A config as overrides of a Hydra application: `encoder_loss_weight=0.03 reconstruction_loss=smooth_l1`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][\w.\-/]*")
"""Words that Hydra's grammar takes unquoted and that are no number, boolean or null."""
_OTHER_THINGS = {"true", "false", "null", "nan", "inf"}


def as_hydra(knobs: Mapping[str, Any]) -> str:
    """One override a knob, quoted for the grammar of Hydra 1.3 and then for a shell."""
    return " ".join(shlex.quote(f"{name}={_value(value)}") for name, value in knobs.items())


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_THINGS:
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

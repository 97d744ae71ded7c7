"""What a trial leaves in the study storage, read as what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from trainer.config import BUILT_IN
from trainer.knobs import Config
from tuner.spec.model import Spec


def best_of(trials: Sequence[FrozenTrial], direction: str) -> FrozenTrial | None:
    """The best completed one of some trials; direction: MAXIMIZE or MINIMIZE."""
    done = [t for t in trials if t.state == TrialState.COMPLETE and t.value is not None]
    sign = -1.0 if direction == "MAXIMIZE" else 1.0
    return min(done, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)


def epochs_run(trial: FrozenTrial) -> int:
    """Epochs that a trial was trained."""
    recorded = trial.user_attrs.get("result", {}).get("epochs")
    return int(recorded) if recorded else max(trial.intermediate_values, default=0)


def reason(trial: FrozenTrial) -> str:
    """Why a trial was pruned or failed."""
    return str(trial.user_attrs.get("result", {}).get("reason", ""))


def diverged(trial: FrozenTrial) -> bool:
    """Whether a trial was pruned because its training broke down."""
    return trial.state == TrialState.PRUNED and reason(trial).startswith("diverged")


def label(attrs: Mapping[str, Any]) -> str | None:
    """What a trial was enqueued as, from its user attributes: a plan, or a config of an earlier study; None if free."""
    origin = attrs.get("from")
    return f"from {origin['study']} #{origin['trial']}" if origin else attrs.get("plan")


def title(number: int, knobs: Mapping[str, Any], plan: str | None = None) -> str:
    """A short name for what differs between trials: `#12 w=0.031 smooth_l1 gate=0.01 focal=1.2`."""
    parts = [part for name, value in knobs.items() if (part := _brief(name, value))]
    return " ".join([f"#{number}", *parts]) + (f" ({plan})" if plan else "")


_SHORT = {"encoder_loss_weight": "w", "gate_reg_weight": "gate", "focal_gamma": "focal", "warmup_epochs": "warmup"}


_ALWAYS = ("encoder_loss_weight", "reconstruction_loss", "gate_reg_weight", "warmup_epochs")
"""Shown even where they are as usual."""


_SAID_BY_ANOTHER = (("weighting", "warmup"), ("classification_loss", "focal"))


_SELF_EXPLAINING = ("reconstruction_loss", "weighting")


def _brief(name: str, value: Any) -> str:
    """One knob in a few characters; nothing where it is as usual or another knob says it."""
    if (name, value) in _SAID_BY_ANOTHER or (name not in _ALWAYS and BUILT_IN.defaults.get(name) == value):
        return ""
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    return shown if name in _SELF_EXPLAINING else f"{_SHORT.get(name, name.removesuffix('_weight'))}={shown}"


def config_of(spec: Spec, trial: FrozenTrial) -> Config:
    """The complete config of a trial that has started."""
    return spec.vocabulary.config(trial.user_attrs["config"])


def curve(trial: FrozenTrial, metric: str) -> list[float]:
    """A kept curve of a finished trial; NaN where an epoch has no value."""
    stored = trial.user_attrs.get("result", {}).get("curves", {}).get(metric, [])
    return [math.nan if value is None else float(value) for value in stored]


WEIGHTED_F1 = "test/weighted_f1"

"""The knobs of the built-in model and the settings that all members of a study share.

One vocabulary from the study file to the export: the field names of :class:`LossConfig` are the knob names in
study files, Optuna, MLflow, `status --json` and exported configs. Torch-free, so that the command line starts fast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from trainer.errors import InputError, unknown
from trainer.knobs import Knob, Vocabulary, implied
from trainer.registry import names

KNOBS: dict[str, Knob] = {
    "encoder_loss_weight": Knob(kind="float", low=0.0),
    "reconstruction_loss": Knob(kind="word", choices=tuple(names("trainer.losses.reconstruction"))),
    "smooth_l1_beta": Knob(kind="float", low=0.0, open_low=True, when=("reconstruction_loss", "smooth_l1")),
    "gate_reg_weight": Knob(kind="float", low=0.0),
    "classification_loss": Knob(kind="word", choices=("cross_entropy", "focal")),
    "focal_gamma": Knob(kind="float", low=0.0, high=20.0, when=("classification_loss", "focal")),
    "class_weights": Knob(kind="word", choices=("none", "balanced")),
    "contrastive_weight": Knob(kind="float", low=0.0),
    "contrastive_temperature": Knob(kind="float", low=0.0, open_low=True),
    "weighting": Knob(kind="word", choices=tuple(names("trainer.weighting"))),
    "warmup_epochs": Knob(kind="int", low=1, when=("weighting", "warmup")),
    "ema_momentum": Knob(kind="float", low=0.0, high=0.9999, when=("weighting", "ema_inverse")),
    "ema_range": Knob(kind="float", low=1.0, when=("weighting", "ema_inverse")),
    "dwa_temperature": Knob(kind="float", low=0.0, open_low=True, when=("weighting", "dwa")),
}
"""The knobs of the built-in model. The names of reconstruction losses and weighting strategies are the files in their
folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """The loss knobs of one member; the defaults are the original configuration of the recommendation."""

    # Read by the reference of study files; a plain dict, so that this package needs no pydantic.
    __pydantic_config__: ClassVar = {"use_attribute_docstrings": True}

    encoder_loss_weight: float = 0.05
    """Weight of the reconstruction term (global plus inter-modal) in the total loss."""
    reconstruction_loss: str = "mse"
    """mse, smooth_l1, l1 or log_cosh, averaged over rows and features of the standardised views."""
    smooth_l1_beta: float = 1.0
    """Where smooth_l1 turns from quadratic to linear, in standard deviations of a feature."""
    gate_reg_weight: float = 0.01
    """Weight of the gate regularisation, a term of its own (not nested in the reconstruction term)."""
    classification_loss: str = "cross_entropy"
    """cross_entropy or focal."""
    focal_gamma: float = 0.0
    """Focusing exponent of the focal loss; 0 is exactly cross-entropy."""
    class_weights: str = "none"
    """none, or balanced: n / (classes * rows of the class) over the labelled training rows."""
    contrastive_weight: float = 0.0
    """Weight of the contrastive term between the two fusion branches; 0 leaves it out."""
    contrastive_temperature: float = 0.1
    """Temperature of the contrastive term."""
    weighting: str = "fixed"
    """How weights change during training: one file each in trainer/weighting/."""
    warmup_epochs: int = 5
    """Epochs over which `warmup` raises the encoder weight linearly from 0."""
    ema_momentum: float = 0.9
    """Momentum of the running means of `ema_inverse`, per step."""
    ema_range: float = 10.0
    """`ema_inverse` clamps its factor to [1 / ema_range, ema_range]."""
    dwa_temperature: float = 2.0
    """Softmax temperature of `dwa`; larger is more even."""

    def __post_init__(self) -> None:
        for name, knob in KNOBS.items():
            object.__setattr__(self, name, knob.check(name, getattr(self, name)))
        for name, knob in KNOBS.items():
            if not self.applies(name) and getattr(self, name) != _default(name):
                assert knob.when is not None
                selector, choice = knob.when
                raise InputError(
                    f"{name} applies only where {selector} is {choice}; found {name} = {getattr(self, name)!r} "
                    f"with {selector} = {getattr(self, selector)}"
                )

    def applies(self, name: str) -> bool:
        """Whether the knob has any effect under this config's choices."""
        when = KNOBS[name].when
        return when is None or getattr(self, when[0]) == when[1]

    @classmethod
    def from_knobs(cls, knobs: Mapping[str, Any]) -> LossConfig:
        """Build a config from a flat mapping of knob to value; what is missing keeps its default.

        A knob that exists only under a choice implies that choice where the choice itself is not given:
        `focal_gamma: 2` alone means `classification_loss: focal`. Raises InputError for an unknown knob or value.
        """
        return cls(**implied(KNOBS, knobs))

    def knobs(self) -> dict[str, Any]:
        """The knobs that apply, in a fixed order. `focal_gamma` is always there, since 0 is cross-entropy."""
        idle = {"contrastive_temperature"} if self.contrastive_weight == 0 else set()
        return {n: getattr(self, n) for n in KNOBS if (self.applies(n) or n == "focal_gamma") and n not in idle}

    def value(self, name: str) -> Any:
        """A knob's value, also where it does not apply."""
        return getattr(self, name)

    def replace(self, **changes: Any) -> LossConfig:
        """A copy with some knobs changed, validated again."""
        return dataclasses.replace(self, **changes)


_DEFAULTS = {f.name: f.default for f in dataclasses.fields(LossConfig)}


def _default(name: str) -> Any:
    return _DEFAULTS[name]


BUILT_IN = Vocabulary(KNOBS, _DEFAULTS, LossConfig.from_knobs)
"""The knobs of the built-in model."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The architecture, shared by all trials of a study."""

    # Read by the study file's validator; a plain dict, so that this package needs no pydantic.
    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    hidden: int = 64
    """Width H of the fused representation."""
    view_width: int = 32
    """Common width to which the inter-modal branch projects each view."""
    dropout: float = 0.4
    """Share of units dropped in training, in [0, 1)."""
    context: Literal["auto", "none", "gru", "transformer"] = "auto"
    """Context encoder over a dialogue; auto is gru where the data has dialogues, else none."""
    context_layers: int = 1
    """Layers of the context encoder."""

    def __post_init__(self) -> None:
        _require(self.hidden >= 1, f"hidden must be at least 1; found {self.hidden}")
        _require(self.view_width >= 1, f"view_width must be at least 1; found {self.view_width}")
        _require(0 <= self.dropout < 1, f"dropout must be at least 0 and below 1; found {self.dropout}")
        _require(self.context_layers >= 1, f"context_layers must be at least 1; found {self.context_layers}")
        choices = ("auto", "none", "gru", "transformer")
        _require(self.context in choices, unknown("context", self.context, choices))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How every trial of a study is trained."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    epochs: int = 50
    """Epochs of a full training run."""
    batch_size: int | None = None
    """Rows a step (whole dialogues are packed up to it); by default 16 to 256, some 50 steps an epoch."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 1e-2
    """Decoupled weight decay of AdamW."""
    clip_norm: float = 5.0
    """Largest gradient norm of a member; larger ones are scaled down."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Learning rate over the epochs: cosine to 0 after a tenth of linear warm-up, or constant."""
    early_stopping: int | None = None
    """Stop a member after this many epochs without a better objective; off by default."""
    amp: bool = False
    """bfloat16 autocast; on CUDA only, and where members go one by one."""
    conflict_every: int = 10
    """Steps of an epoch between two measurements of the angle between the gradients of the terms; 0 turns it off."""

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, f"epochs must be at least 1; found {self.epochs}")
        _require(
            self.batch_size is None or self.batch_size >= 1,
            f"batch_size must be at least 1; found {self.batch_size}",
        )
        _require(self.learning_rate > 0, f"learning_rate must be above 0; found {self.learning_rate}")
        _require(self.weight_decay >= 0, f"weight_decay must be at least 0; found {self.weight_decay}")
        _require(self.clip_norm > 0, f"clip_norm must be above 0; found {self.clip_norm}")
        _require(
            self.early_stopping is None or self.early_stopping >= 1,
            f"early_stopping must be at least 1; found {self.early_stopping}",
        )
        _require(self.conflict_every >= 0, f"conflict_every must be at least 0; found {self.conflict_every}")
        choices = ("cosine", "constant")
        _require(self.schedule in choices, unknown("schedule", self.schedule, choices))

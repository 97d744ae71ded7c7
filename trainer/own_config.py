"""What a study says about the user's own model, and the knobs of its loss. Torch-free: nothing of theirs runs here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal

from trainer.config import KNOBS, LossConfig
from trainer.errors import InputError
from trainer.knobs import Knob, Vocabulary, implied

WEIGHT = "_weight"
"""Ending of the knob that weighs a term: `<term>_weight`."""
CLASSIFICATION = "classification"
"""The term that is ours: the loss on the model's logits."""
SHARED = (
    "classification_loss",
    "focal_gamma",
    "class_weights",
    "weighting",
    "warmup_epochs",
    "ema_momentum",
    "ema_range",
    "dwa_temperature",
)
"""Knobs of the built-in model that work on any model that returns logits and terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """The user's own model class, shared by all trials of a study."""

    # Read by the study file's validator; a plain dict, so that this package needs no pydantic.
    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    file: str
    """`my_model.py:MyModel`: a Python file, relative to the study file, and the class in it. The file is run."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the class, beside the views and the number of classes that it always gets."""
    context: Literal["auto", "none"] = "auto"
    """auto keeps the rows of a dialogue together, in order, where the data has dialogues; none shuffles single rows."""

    def __post_init__(self) -> None:
        path, _, name = self.file.rpartition(":")
        if not path.endswith(".py") or not name.isidentifier():
            raise InputError(f"expected a file and a class, like my_model.py:MyModel; found {self.file!r}")

    @property
    def path(self) -> str:
        """The Python file."""
        return self.file.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The class."""
        return self.file.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class OwnConfig:
    """The loss knobs of one member of the user's own model."""

    weights: Mapping[str, float]
    """weight of each term that has a knob, by the term's name"""
    shared: LossConfig
    """holds the values of SHARED; its other knobs play no part"""

    def knobs(self) -> dict[str, Any]:
        """The knobs that apply, in a fixed order."""
        shared = self.shared.knobs()
        return {f"{term}{WEIGHT}": weight for term, weight in self.weights.items()} | {
            name: shared[name] for name in SHARED if name in shared
        }

    def value(self, name: str) -> Any:
        """A knob's value, also where it does not apply."""
        return self.shared.value(name) if name in SHARED else self.weights[name.removesuffix(WEIGHT)]


def vocabulary(names: Iterable[str]) -> Vocabulary:
    """The knobs of a study of the user's own model, of which the study file mentions `names`.

    Every name that ends in `_weight` weighs a term; whether the model returns such a term is known once it runs.
    A term's weight is 1 where nobody names it.
    """
    weights = list(dict.fromkeys(name for name in names if name.endswith(WEIGHT) and name != WEIGHT))
    knobs = {name: Knob(kind="float", low=0.0) for name in weights} | {name: KNOBS[name] for name in SHARED}
    usual = LossConfig()
    defaults = dict.fromkeys(weights, 1.0) | {name: usual.value(name) for name in SHARED}
    return Vocabulary(knobs, defaults, partial(_config, knobs), f"<term>{WEIGHT} for each term that the model returns")


def _config(knobs: Mapping[str, Knob], given: Mapping[str, Any]) -> OwnConfig:
    complete = implied(knobs, given)
    weights = {n.removesuffix(WEIGHT): k.check(n, complete.get(n, 1.0)) for n, k in knobs.items() if n not in SHARED}
    return OwnConfig(weights, LossConfig(**{name: complete[name] for name in SHARED if name in complete}))

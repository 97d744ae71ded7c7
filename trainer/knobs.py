"""What a knob is, and what whoever trains says about its knobs.

What is trained decides the knobs: the built-in model has those of :mod:`trainer.config`. Everything that searches,
stores, draws or exports them asks the :class:`Vocabulary` and knows no knob by name. Torch-free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from trainer.errors import InputError, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """What one loss knob may be, and where it applies.

    `low` and `high` bound a number (inclusive unless `open_low`); `choices` lists the words of a categorical knob, none
    where any word will do; `when` is the (knob, choice) pair under which this knob exists at all.
    """

    kind: Literal["float", "int", "word"]
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    choices: tuple[str, ...] = ()
    when: tuple[str, str] | None = None

    def check(self, name: str, value: Any) -> Any:
        """Return `value` in the knob's own type, or raise InputError."""
        if self.kind == "word":
            if self.choices and value not in self.choices:
                raise InputError(unknown(name, value, self.choices))
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
            raise InputError(f"{name} must be a finite number; found {value!r}")
        if self.kind == "int" and int(value) != value:
            raise InputError(f"{name} must be a whole number; found {value!r}")
        below = value <= self.low if self.open_low else value < self.low
        if below or value > self.high:
            raise InputError(f"{name} must be {self.describe()}; found {value!r}")
        return int(value) if self.kind == "int" else float(value)

    def describe(self) -> str:
        """The allowed range in words."""
        parts = []
        if self.low > -math.inf:
            parts.append(f"{'above' if self.open_low else 'at least'} {self.low:g}")
        if self.high < math.inf:
            parts.append(f"at most {self.high:g}")
        return " and ".join(parts) or "a number"


def word(value: Any) -> Any:
    """A choice as a word: YAML reads some of them as numbers or truth values."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


class Config(Protocol):
    """The knobs of one member, checked and frozen; equal where all of them are."""

    def knobs(self) -> dict[str, Any]:
        """The knobs that apply, in a fixed order."""

    def value(self, name: str) -> Any:
        """A knob's value, also where it does not apply; None where it has none."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The knobs of what is trained, and how their values make a config."""

    knobs: Mapping[str, Knob]
    """in the order in which they are suggested: a knob that decides whether others exist comes first"""
    defaults: Mapping[str, Any]
    """what a knob is that nobody names; one that is missing here has to be named"""
    config: Callable[[Mapping[str, Any]], Config]
    """a config from a flat mapping of knob to value; raises InputError for an unknown knob or a wrong value"""
    more: str = ""
    """in words, what further knobs there could be"""

    def unknown(self, name: str) -> str:
        """The message for a knob that does not exist."""
        return unknown("knob", name, self.knobs) + (f"; also {self.more}" if self.more else "")


def implied(knobs: Mapping[str, Knob], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with the choices that it implies: `focal_gamma: 2` alone means `classification_loss: focal`.

    Raises InputError for an unknown knob, and where two knobs imply different choices.
    """
    found = dict(given)
    for name in given:
        if name not in knobs:
            raise InputError(unknown("knob", name, tuple(knobs)))
    for name, value in given.items():
        when = knobs[name].when
        # focal_gamma 0 is cross-entropy and implies nothing.
        if when and when[0] not in given and not (name == "focal_gamma" and value == 0):
            selector, choice = when
            if found.setdefault(selector, choice) != choice:
                other = f"a knob of {selector} = {found[selector]} too"
                raise InputError(f"{name} applies only where {selector} is {choice}; found {other}")
    return found

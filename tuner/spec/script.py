"""The knobs of a script: whatever the study file declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from trainer.knobs import Knob, Vocabulary, implied, word
from tuner.errors import InputError

if TYPE_CHECKING:
    from tuner.spec.sections import Range


@dataclass(frozen=True, slots=True)
class ScriptConfig:
    """The knobs of one run of a script."""

    values: Mapping[str, Any]
    """of the knobs that apply, in the study file's order"""

    def knobs(self) -> dict[str, Any]:
        """The knobs that apply, in a fixed order."""
        return dict(self.values)

    def value(self, name: str) -> Any:
        """A knob's value; None where it does not apply."""
        return self.values.get(name)


def vocabulary(searched: Mapping[str, Range], fixed: Mapping[str, Any]) -> Vocabulary:
    """The knobs that a study file searches and those that it fixes. None has a default: the script's are unknown."""
    deciding = {rng.when and next(iter(rng.when)) for rng in searched.values()}
    # A knob that decides whether others exist comes first.
    order = sorted(searched, key=lambda name: name not in deciding)
    knobs = {name: _searched(searched[name]) for name in order}
    knobs |= {name: Knob(kind=_kind(value)) for name, value in fixed.items() if name not in knobs}
    return Vocabulary(knobs, {}, partial(_config, knobs), "what you declare under knobs or fixed")


def _searched(rng: Range) -> Knob:
    when = next(iter(rng.when.items())) if rng.when else None
    if rng.choices is not None:
        return Knob(kind="word", choices=tuple(rng.choices), when=when)
    return Knob(kind=rng.kind or "float", when=when)


def _kind(value: Any) -> Any:
    """Of a knob that is only fixed."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "word"
    return "int" if isinstance(value, int) else "float"


def _config(knobs: Mapping[str, Knob], given: Mapping[str, Any]) -> ScriptConfig:
    """Raises InputError for an unknown, a missing and an idle knob, and for a wrong value."""
    complete = implied(knobs, given)
    values = {n: knobs[n].check(n, word(v) if knobs[n].kind == "word" else v) for n, v in complete.items()}
    for name in values:
        if not applies(knobs, name, values):
            selector, choice = knobs[name].when or ("", "")
            raise InputError(f"{name} applies only where {selector} is {choice}; found {values.get(selector)!r}")
    missing = [n for n in knobs if n not in values and applies(knobs, n, values)]
    if missing:
        raise InputError(
            f"expected a value for each knob: what the script is run with today; missing: {', '.join(missing)}"
        )
    return ScriptConfig({n: values[n] for n in knobs if n in values})


def applies(knobs: Mapping[str, Knob], name: str, values: Mapping[str, Any]) -> bool:
    """Whether a knob exists under the values of others."""
    when = knobs[name].when
    return when is None or values.get(when[0]) == when[1]

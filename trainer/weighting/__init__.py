"""Weighting strategies, one file each, found by name.

A strategy turns the unweighted terms of one step into the total loss. Each file defines `Strategy`, a subclass of
:class:`trainer.weighting._base.Weighting`.

Beside it stands the same strategy as text, for `tuner export --format python`; one without it trains, but that format
refuses it. {knob} is the value of a knob, {count} the number of terms that are balanced, and {rising} a list with
`rise` for each term that warms up and 1.0 for the others:

- `EXPORT`: statements that make the scalar `total` of the tensors `terms` and `base`, (count,) each, classification
  first; `progress`, in epochs, is an argument of the exported `forward` where the text names it.
- `EXPORT_STATE`, optional: statements of `__init__` that make buffers and parameters of `self`.
- `EXPORT_END_EPOCH`, optional: a method `end_epoch(self)`, indented and with an empty line before it.
"""

from __future__ import annotations

from trainer.registry import load
from trainer.weighting._base import Knobs, Terms, Weighting, built_in

__all__ = ["Terms", "Weighting", "built_in", "make"]


def make(config: Knobs, terms: Terms | None = None) -> Weighting:
    """The strategy that `config.weighting` names, over the built-in model's terms or over others."""
    strategy: Weighting = load(__name__, config.weighting, "weighting").Strategy(config, terms)
    return strategy

"""Weighting strategies, one file each, found by name.

A strategy turns the unweighted terms of one step into the total loss. Each file defines `Strategy`, a subclass of
:class:`trainer.weighting._base.Weighting`.
"""

from __future__ import annotations

from trainer.registry import load
from trainer.weighting._base import Knobs, Terms, Weighting, built_in

__all__ = ["Terms", "Weighting", "built_in", "make"]


def make(config: Knobs, terms: Terms | None = None) -> Weighting:
    """The strategy that `config.weighting` names, over the built-in model's terms or over others."""
    strategy: Weighting = load(__name__, config.weighting, "weighting").Strategy(config, terms)
    return strategy

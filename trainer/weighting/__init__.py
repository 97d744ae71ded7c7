"""Weighting strategies, one file each, found by name.

A strategy turns the unweighted terms of one step into the total loss. Each file defines `Strategy`, a subclass of
:class:`trainer.weighting._base.Weighting`.
"""

from __future__ import annotations

from trainer.config import LossConfig
from trainer.registry import load
from trainer.weighting._base import Weighting

__all__ = ["Weighting", "make"]


def make(config: LossConfig) -> Weighting:
    """The strategy that `config.weighting` names."""
    strategy: Weighting = load(__name__, config.weighting, "weighting").Strategy(config)
    return strategy

"""What every weighting strategy is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from trainer.config import LossConfig
from trainer.stacked import StackedConfig

Knobs: TypeAlias = LossConfig | StackedConfig
"""The knobs of one member as numbers, or of K members as tensors (K,)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that a loss is made of."""

    base: Mapping[str, float | Tensor]
    """each term's weight as configured, in a fixed order; a term of weight 0 takes no part under any strategy"""
    tasks: tuple[str, ...]
    """terms that adaptive strategies balance, classification first. A regularisation is no task: it keeps its weight
    under every strategy, since a term that can reach 0 by itself would be given an ever larger weight"""
    rising: tuple[str, ...]
    """tasks whose weight `warmup` raises from 0"""


def built_in(config: Knobs) -> Terms:
    """The terms of the built-in model."""
    base = {
        "classification": 1.0,
        "reconstruction": config.encoder_loss_weight,
        "gate": config.gate_reg_weight,
        "contrastive": config.contrastive_weight,
    }
    return Terms(base, ("classification", "reconstruction", "contrastive"), ("reconstruction",))


class Weighting(nn.Module):
    """Combines the unweighted terms of a step into one loss.

    A module, so that learned weights reach the optimiser through `parameters()` and state that must survive a
    checkpoint through `state_dict()`: keep it in buffers.

    One strategy serves one member, whose terms are scalars, or K members at once, whose terms are (K,): knobs, buffers
    and parameters have the members as their last dimension, and every formula is elementwise over them. `shape` is ()
    or (K,). Write formulas that take both, without branching on a value.
    """

    allowed: Tensor
    """which of the balanced terms have a weight; (tasks, *shape)"""

    def __init__(self, config: Knobs, terms: Terms | None = None) -> None:
        super().__init__()
        self.config = config
        self.shape: tuple[int, ...] = (config.count,) if isinstance(config, StackedConfig) else ()
        terms = terms or built_in(config)
        self.base, self.balanced, self.rising = terms.base, terms.tasks, terms.rising
        # Of members on a GPU some weights are tensors there, those that no knob changes plain numbers.
        device = next((weight.device for weight in self.base.values() if isinstance(weight, Tensor)), None)
        weighted = {name: torch.as_tensor(weight, device=device) > 0 for name, weight in self.base.items()}
        self._weighted = [name for name, members in weighted.items() if bool(members.any())]
        allowed = torch.stack([weighted[name].expand(self.shape) for name in self.balanced])
        self.register_buffer("allowed", allowed, persistent=False)

    def active(self, terms: Mapping[str, Tensor]) -> list[str]:
        """The terms that are present and have a weight (of any member), in a fixed order."""
        return [name for name in self._weighted if name in terms]

    def tasks(self, terms: Mapping[str, Tensor]) -> list[str]:
        """The active terms that an adaptive strategy balances."""
        return [name for name in self.active(terms) if name in self.balanced]

    @abstractmethod
    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """The weight of each active term. terms: unweighted; progress: epochs trained so far, fractional."""

    def penalty(self, terms: Mapping[str, Tensor]) -> Tensor | None:
        """What the strategy itself adds to the loss, if anything."""
        return None

    def end_epoch(self, means: Mapping[str, float | Tensor]) -> None:
        """Called after an epoch with the epoch's mean of each unweighted term."""

    def forward(self, terms: Mapping[str, Tensor], progress: float) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The total loss and the weights in force."""
        weights = self.weights(terms, progress)
        total = torch.stack([terms[name] * weight for name, weight in weights.items()]).sum(0)
        extra = self.penalty(terms)
        return (total if extra is None else total + extra), weights

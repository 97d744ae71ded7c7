"""Dropout with a random stream of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Inverted dropout that draws its masks from a given generator.

    The generator belongs to a member, so that a member alone and the same member in a population see the same
    masks, and members with the same seed see the same masks as each other (common random numbers).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x (n, F) or of K members (K, n, F), which share one mask; the identity in evaluation mode."""
        if not self.training or self.p == 0.0:
            return x
        mask = x.new_empty(x.shape[-2:]).bernoulli_(1.0 - self.p, generator=self.generator)
        return x * mask.div_(1.0 - self.p)

    def stacked(self, x: Tensor) -> Tensor:
        """The same for x (K, F, n)."""
        return self.forward(x.transpose(-1, -2)).transpose(-1, -2)


def set_generator(model: nn.Module, generator: torch.Generator) -> None:
    """Make every Dropout of the model draw from `generator`."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator

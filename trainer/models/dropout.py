"""Dropout with a random stream of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Source = torch.Generator | tuple[tuple[torch.Generator, int], ...]
"""Where masks are drawn from; of members at different steps: a generator for each step, and how many members it is for,
in their order."""


class Dropout(nn.Module):
    """Inverted dropout that draws its masks from a given generator.

    The generator belongs to a member, so that a member alone and the same member in a population see the same
    masks, and members with the same seed see the same masks as each other (common random numbers).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: Source | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x (n, F) or of K members (K, n, F), which share a mask where they stand at the same step.

        The identity in evaluation mode.
        """
        if not self.training or self.p == 0.0:
            return x
        mask = self._mask(x)
        return x * mask.div_(1.0 - self.p)

    def _mask(self, x: Tensor) -> Tensor:
        """What is kept: (n, F) for all members, or (K, n, F) where they stand at different steps."""
        shape, kept = x.shape[-2:], 1.0 - self.p
        if not isinstance(self.generator, tuple):
            return x.new_empty(shape).bernoulli_(kept, generator=self.generator)
        return torch.cat(
            [x.new_empty(shape).bernoulli_(kept, generator=its).expand(count, *shape) for its, count in self.generator]
        )

    def stacked(self, x: Tensor) -> Tensor:
        """The same for x (K, F, n)."""
        return self.forward(x.transpose(-1, -2)).transpose(-1, -2)


def set_generator(model: nn.Module, generator: Source) -> None:
    """Make every Dropout of the model draw from `generator`."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator

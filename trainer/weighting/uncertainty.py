"""Uncertainty weighting: each task's weight follows from a learned log-variance."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer.weighting._base import Knobs, Terms, Weighting

EXPORT_STATE = "self.log_variance = nn.Parameter(torch.zeros({count}))  # to the optimiser, without decay\n"
EXPORT = """\
s = self.log_variance
total = (0.5 * torch.exp(-s) * base * terms).sum() + 0.5 * s.sum()
"""


class Strategy(Weighting):
    """`exp(-s) L / 2 + s / 2`, summed over the tasks; L is the term times its configured weight, s is learned from 0.

    Source: Kendall, Gal, Cipolla 2018, Multi-Task Learning Using Uncertainty to Weigh Losses. At the optimum
    `exp(s) = L`, whatever the configured weight: that only sets where the balance starts.

    >>> from torch import tensor
    >>> from trainer.config import LossConfig
    >>> strategy = Strategy(LossConfig(encoder_loss_weight=0.5, weighting="uncertainty"))
    >>> terms = {"classification": tensor(1.0), "reconstruction": tensor(4.0)}
    >>> strategy.weights(terms, progress=0.0)["reconstruction"].item()
    0.25
    """

    def __init__(self, config: Knobs, terms: Terms | None = None) -> None:
        super().__init__(config, terms)
        self.log_variance = nn.Parameter(torch.zeros(len(self.balanced), *self.shape))

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """Base weight times exp(-s) / 2, s the learned log variance of the task."""
        precision = 0.5 * torch.exp(-self.log_variance)
        return {
            n: self.base[n] * precision[self.balanced.index(n)] if n in self.balanced else self.base[n]
            for n in self.active(terms)
        }

    def penalty(self, terms: Mapping[str, Tensor]) -> Tensor | None:
        """The sum of s / 2 over the tasks, which keeps the variances from growing."""
        index = [self.balanced.index(name) for name in self.tasks(terms)]
        return 0.5 * (self.log_variance[index] * self.allowed[index]).sum(0)

"""Adaptive weights, inverse to a term's running mean."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.weighting._base import Knobs, Terms, Weighting

EXPORT_STATE = 'self.register_buffer("means", torch.full(({count},), math.nan))\n'
EXPORT = """\
now = terms.detach()
means = torch.where(self.means.isnan(), now, {ema_momentum} * self.means + (1 - {ema_momentum}) * now)
means = torch.where(now == 0, self.means, means)  # a batch without labels says nothing
if self.training:
    self.means.copy_(means)
factor = (means[0] / means.clamp(min=1e-12)).clamp(1 / {ema_range}, {ema_range}).nan_to_num(1.0)
factor[0] = 1.0
total = (base * factor * terms).sum()
"""


class Strategy(Weighting):
    """`w * clamp(m_classification / m_task, 1 / ema_range, ema_range)`, the weight of a task.

    m is the exponential running mean of the unweighted term (momentum per step, started at the first value).
    Classification keeps weight 1, so that the strategy shifts the balance and not the learning rate. This is the
    recommendation's "inverse to the mean of the last losses, momentum, clamped to a range".

    >>> from torch import tensor
    >>> from trainer.config import LossConfig
    >>> strategy = Strategy(LossConfig(encoder_loss_weight=0.5, weighting="ema_inverse"))
    >>> terms = {"classification": tensor(1.0), "reconstruction": tensor(4.0)}
    >>> float(strategy.weights(terms, progress=0.0)["reconstruction"])
    0.125
    """

    means: Tensor

    def __init__(self, config: Knobs, terms: Terms | None = None) -> None:
        super().__init__(config, terms)
        self.register_buffer("means", torch.full((len(self.balanced), *self.shape), float("nan")))

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """Base weight times the running mean of the classification over the task's own, clamped."""
        tasks = self.tasks(terms)
        index: list[int] | slice = [self.balanced.index(name) for name in tasks]
        if index == list(range(len(tasks))):
            index = slice(len(tasks))  # a view: with a list torch gathers
        now = torch.stack([terms[name].detach() for name in tasks]).to(self.means)
        old = self.means[index]
        momentum = self.config.ema_momentum
        mean = torch.where(old.isnan(), now, momentum * old + (1 - momentum) * now)
        # Exactly 0 is what a batch without labels gives: it says nothing about the term.
        mean = torch.where((now == 0) | ~self.allowed[index], old, mean)
        if self.training:
            self.means[index] = mean
        reach = self.config.ema_range
        factor = (mean[0] / mean.clamp(min=1e-12)).clamp(1 / reach, reach).nan_to_num(1.0)
        balanced = {name: self.base[name] * factor[i] for i, name in enumerate(tasks)}
        balanced["classification"] = torch.ones_like(factor[0])
        return {name: balanced.get(name, self.base[name]) for name in self.active(terms)}

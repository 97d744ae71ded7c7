"""Dynamic weight average: a task that falls slower than the others gets more weight."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.weighting._base import Knobs, Terms, Weighting

EXPORT_STATE = """\
self.register_buffer("history", torch.full((2, {count}), math.nan, dtype=torch.float64))
self.register_buffer("sums", torch.zeros(2, {count}, dtype=torch.float64))
"""
EXPORT = """\
if self.training:
    counts = torch.ones_like(terms)
    counts[0] = (terms[0] != 0).to(counts.dtype)  # a batch without labels says nothing
    self.sums += torch.stack([terms.detach(), counts])
factor = torch.ones_like(self.history[0])
if not self.history.isnan().any():
    ratio = self.history[1] / self.history[0].clamp(min=1e-12)
    factor = len(ratio) * torch.softmax(ratio / {dwa_temperature}, dim=0)
total = (base * factor.to(terms.dtype) * terms).sum()
"""
EXPORT_END_EPOCH = '''
    def end_epoch(self):
        """Call after each training epoch."""
        self.history = torch.stack([self.history[1], self.sums[0] / self.sums[1]])
        self.sums.zero_()
'''


class Strategy(Weighting):
    """`w * K * softmax(r / T)`, the weight of a task; r is the ratio of its mean losses of the last two epochs.

    K is the number of tasks, T the temperature; the first two epochs use the configured weights.
    Source: Liu, Johns, Davison 2019, End-to-End Multi-Task Learning with Attention.

    >>> from torch import tensor
    >>> from trainer.config import LossConfig
    >>> strategy = Strategy(LossConfig(encoder_loss_weight=0.5, weighting="dwa"))
    >>> strategy.end_epoch({"classification": 2.0, "reconstruction": 4.0})
    >>> strategy.end_epoch({"classification": 1.0, "reconstruction": 4.0})
    >>> terms = {"classification": tensor(1.0), "reconstruction": tensor(4.0)}
    >>> round(float(strategy.weights(terms, progress=0.0)["reconstruction"]), 3)
    0.562
    """

    history: Tensor

    def __init__(self, config: Knobs, terms: Terms | None = None) -> None:
        super().__init__(config, terms)
        self.register_buffer(
            "history", torch.full((2, len(self.balanced), *self.shape), float("nan"), dtype=torch.float64)
        )

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """Base weight times K softmax(r / T), r the ratio of the last two epochs' means; 1 until there are two."""
        tasks = self.tasks(terms)
        index = [self.balanced.index(name) for name in tasks]
        older, newer = self.history[:, index]
        has = self.allowed[index]
        ratio = torch.where(has, newer / older.clamp(min=1e-12), -torch.inf)
        factor = has.sum(0) * torch.softmax(ratio / self.config.dwa_temperature, dim=0)
        factor = torch.where(ratio.isnan().any(0), 1.0, factor)
        scale = dict(zip(tasks, factor.to(terms[tasks[0]].dtype), strict=True))
        return {name: self.base[name] * scale.get(name, 1.0) for name in self.active(terms)}

    def end_epoch(self, means: Mapping[str, float | Tensor]) -> None:
        """Remember the epoch's means beside those of the epoch before."""
        missing, like = torch.full(self.shape, float("nan")), self.history
        newest = [torch.as_tensor(means.get(n, missing), dtype=like.dtype, device=like.device) for n in self.balanced]
        self.history = torch.stack([self.history[1], torch.stack(newest)])

"""Dynamic weight average: a task that falls slower than the others gets more weight."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.config import LossConfig
from trainer.weighting._base import Terms, Weighting


class Strategy(Weighting):
    """Each task's weight times `K softmax(r / T)`, r the ratio of its mean loss over the last two epochs.

    K is the number of tasks, T the temperature; the first two epochs use the configured weights.
    Source: Liu, Johns, Davison 2019, End-to-End Multi-Task Learning with Attention.
    """

    history: Tensor

    def __init__(self, config: LossConfig, terms: Terms | None = None) -> None:
        super().__init__(config, terms)
        self.register_buffer("history", torch.full((2, len(self.balanced)), float("nan"), dtype=torch.float64))

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        tasks = self.tasks(terms)
        index = [self.balanced.index(name) for name in tasks]
        older, newer = self.history[:, index]
        factor = torch.ones_like(newer)
        if not (older.isnan().any() or newer.isnan().any()):
            ratio = newer / older.clamp(min=1e-12)
            factor = len(tasks) * torch.softmax(ratio / self.config.dwa_temperature, dim=0)
        scale = dict(zip(tasks, factor.to(terms[tasks[0]].dtype), strict=True))
        return {name: self.base[name] * scale.get(name, 1.0) for name in self.active(terms)}

    def end_epoch(self, means: Mapping[str, float]) -> None:
        newest = torch.tensor([means.get(name, float("nan")) for name in self.balanced]).to(self.history)
        self.history = torch.stack([self.history[1], newest])

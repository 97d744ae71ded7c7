"""Warm-up: the encoder weight (another model: that of each task) rises linearly from 0 over the first epochs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainer.weighting._base import Weighting

EXPORT = """\
rise = min(1.0, progress / {warmup_epochs})
total = (base * terms.new_tensor({rising}) * terms).sum()
"""


class Strategy(Weighting):
    """`w * min(1, progress / warmup_epochs)`, the weight of the reconstruction at each step; the others are constant.

    >>> from torch import tensor
    >>> from trainer.config import LossConfig
    >>> strategy = Strategy(LossConfig(encoder_loss_weight=0.5, weighting="warmup", warmup_epochs=4))
    >>> terms = {"classification": tensor(1.0), "reconstruction": tensor(4.0)}
    >>> strategy.weights(terms, progress=1.0)["reconstruction"]
    0.125
    """

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """The base weights; those of rising terms times min(1, progress / warmup_epochs)."""
        share = progress / self.config.warmup_epochs
        rise = share.clamp(max=1.0) if isinstance(share, Tensor) else min(1.0, share)
        return {n: self.base[n] * (rise if n in self.rising else 1.0) for n in self.active(terms)}

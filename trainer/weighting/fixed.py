"""Fixed weights: what the config says, all the time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainer.weighting._base import Weighting

EXPORT = "total = (base * terms).sum()\n"


class Strategy(Weighting):
    """`w`, the weight of a term as configured, all the time.

    >>> from torch import tensor
    >>> from trainer.config import LossConfig
    >>> strategy = Strategy(LossConfig(encoder_loss_weight=0.5))
    >>> terms = {"classification": tensor(1.0), "reconstruction": tensor(4.0)}
    >>> strategy.weights(terms, progress=0.0)["reconstruction"]
    0.5
    """

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """The base weights."""
        return {name: self.base[name] for name in self.active(terms)}

"""Fixed weights: what the config says, all the time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainer.weighting._base import Weighting

EXPORT = "total = (base * terms).sum()\n"


class Strategy(Weighting):
    """Constant weights."""

    def weights(self, terms: Mapping[str, Tensor], progress: float) -> dict[str, Tensor | float]:
        """The base weights."""
        return {name: self.base[name] for name in self.active(terms)}

"""Absolute error: |r|."""

from torch import Tensor

from trainer.config import LossConfig

EXPORT = "F.l1_loss(made, x)"


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """Elementwise |r|; (n, D) to (n, D)."""
    return residual.abs()

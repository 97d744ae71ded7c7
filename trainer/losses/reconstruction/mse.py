"""Squared error: r^2."""

from torch import Tensor

from trainer.config import LossConfig


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """Elementwise r^2; (n, D) to (n, D)."""
    return residual.square()

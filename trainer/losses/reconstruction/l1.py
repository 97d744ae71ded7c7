"""Absolute error: |r|."""

from torch import Tensor

from trainer.config import LossConfig


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """Elementwise |r|; (n, D) to (n, D)."""
    return residual.abs()

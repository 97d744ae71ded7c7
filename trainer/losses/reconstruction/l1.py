"""Absolute error: |r|."""

from torch import Tensor

from trainer.config import LossConfig

EXPORT = "F.l1_loss(made, x)"


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """`|r|`, elementwise; (n, D) to (n, D).

    >>> loss(Tensor([-2.0, 0.5]), LossConfig()).tolist()
    [2.0, 0.5]
    """
    return residual.abs()

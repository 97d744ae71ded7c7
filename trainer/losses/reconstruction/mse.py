"""Squared error: r^2."""

from torch import Tensor

from trainer.config import LossConfig

EXPORT = "F.mse_loss(made, x)"


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """`r^2`, elementwise; (n, D) to (n, D).

    >>> loss(Tensor([-2.0, 0.5]), LossConfig()).tolist()
    [4.0, 0.25]
    """
    return residual.square()

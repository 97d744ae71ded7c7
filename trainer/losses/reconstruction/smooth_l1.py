"""SmoothL1: quadratic for small residuals, linear for outliers."""

from torch import Tensor
from torch.nn import functional as F

from trainer.config import LossConfig

EXPORT = "F.smooth_l1_loss(made, x, beta={smooth_l1_beta})"


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """`r^2 / (2 beta)` where `|r| < beta`, else `|r| - beta / 2`, elementwise; (n, D) to (n, D).

    For small residuals and beta = 1 this is half of the squared error: a switch from mse alone halves the
    effective weight of the term.

    >>> loss(Tensor([-0.5, 3.0]), LossConfig(reconstruction_loss="smooth_l1", smooth_l1_beta=1.0)).tolist()
    [0.125, 2.5]
    """
    beta = config.smooth_l1_beta
    scaled = residual / beta
    return beta * F.smooth_l1_loss(scaled, scaled.new_zeros(()).expand_as(scaled), reduction="none")

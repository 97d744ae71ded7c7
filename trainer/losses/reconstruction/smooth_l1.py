"""SmoothL1: quadratic for small residuals, linear for outliers."""

from torch import Tensor
from torch.nn import functional as F

from trainer.config import LossConfig

EXPORT = "F.smooth_l1_loss(made, x, beta={smooth_l1_beta})"


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """Elementwise r^2 / (2 beta) where |r| < beta, else |r| - beta / 2; (n, D) to (n, D).

    For small residuals and beta = 1 this is half of the squared error: a switch from mse alone halves the
    effective weight of the term.
    """
    beta = config.smooth_l1_beta
    scaled = residual / beta
    return beta * F.smooth_l1_loss(scaled, scaled.new_zeros(()).expand_as(scaled), reduction="none")

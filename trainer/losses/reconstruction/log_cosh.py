"""log cosh: r^2 / 2 for small residuals, |r| - log 2 for large ones, smooth everywhere."""

import math

import torch
from torch import Tensor

from trainer.config import LossConfig

EXPORT = "(made - x).abs().add(F.softplus(-2 * (made - x).abs())).mean() - math.log(2)"


def loss(residual: Tensor, config: LossConfig) -> Tensor:
    """`log(cosh(r))`, elementwise, written so that it cannot overflow; (n, D) to (n, D).

    >>> [round(value, 3) for value in loss(Tensor([0.5, 100.0]), LossConfig()).tolist()]
    [0.12, 99.307]
    """
    size = residual.abs()
    return size + torch.log1p(torch.exp(-2.0 * size)) - math.log(2.0)

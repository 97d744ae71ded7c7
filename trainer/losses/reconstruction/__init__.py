"""Reconstruction losses, one file each, found by name: `loss(residual, config)`, elementwise from (n, D) to (n, D)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from trainer.registry import load

if TYPE_CHECKING:
    from trainer.config import LossConfig


def make(config: LossConfig) -> Callable[[Tensor], Tensor]:
    """The configured loss as a function from residual = reconstruction - input (n, D) to its mean, a scalar."""
    elementwise = load(__name__, config.reconstruction_loss, "reconstruction_loss").loss

    def reconstruction(residual: Tensor) -> Tensor:
        mean: Tensor = elementwise(residual.float(), config).mean()
        return mean

    return reconstruction

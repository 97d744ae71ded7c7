"""Reconstruction losses, one file each, found by name: `loss(residual, config)`, elementwise, of any shape.

`config` holds the knobs of one member, or those of K members as tensors (K, 1, 1) beside residuals (K, D, n): a loss
is a formula that takes both, without branching on a knob's value.

`EXPORT` is the same loss as the text of an expression, for `tuner export --format python`: the mean of the loss between
the tensors `made` and `x`, with `F` for torch.nn.functional and {knob} for the value of a knob. A loss without it
trains, but that format refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from trainer.losses._precision import full
from trainer.registry import load

if TYPE_CHECKING:
    from trainer.config import LossConfig
    from trainer.stacked import StackedConfig


def make(config: LossConfig | StackedConfig) -> Callable[[Tensor], Tensor]:
    """The configured loss as a function from residual = reconstruction - input to its mean over the last two
    dimensions: (n, D) to a scalar, or (K, D, n) to (K,)."""
    elementwise = load(__name__, config.reconstruction_loss, "reconstruction_loss").loss

    def reconstruction(residual: Tensor) -> Tensor:
        mean: Tensor = elementwise(full(residual), config).mean((-2, -1))
        return mean

    return reconstruction

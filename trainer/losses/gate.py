"""Gate regularisation: keeps gates away from 0 and 1, where hardtanh passes no gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.losses._precision import full


def gate_regularisation(gates: Sequence[Tensor]) -> Tensor:
    """`mean((gate - 0.5)^2)`, summed over the gates; gates (n, H) in [0, 1]; a scalar in [0, 0.25 * len(gates)].

    The mean is over the last two dimensions: gates (K, H, n) of K members give (K,). With no rows it is 0.

    >>> gate_regularisation([Tensor([[0.0, 1.0], [0.5, 0.5]])]).item()
    0.125
    """
    count = max(gates[0].shape[-1] * gates[0].shape[-2], 1)
    return torch.stack([(full(gate) - 0.5).square().sum((-2, -1)) / count for gate in gates]).sum(0)

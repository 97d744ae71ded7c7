"""Gate regularisation: keeps gates away from 0 and 1, where hardtanh passes no gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gate_regularisation(gates: Sequence[Tensor]) -> Tensor:
    """Sum over the gates of `mean((gate - 0.5)^2)`; gates (n, H) in [0, 1]; a scalar in [0, 0.25 * len(gates)].

    With no rows it is 0.
    """
    return torch.stack([(gate.float() - 0.5).square().sum() / max(gate.numel(), 1) for gate in gates]).sum()

"""The two gates of the fusion auto-encoder. Shapes: n rows, D input features, H hidden."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def gate_layer(width_in: int, width_out: int) -> nn.Linear:
    """A linear layer whose gates start in the middle of hardtanh's active range [0, 1], not at its edge."""
    layer = nn.Linear(width_in, width_out)
    nn.init.constant_(layer.bias, 0.5)
    return layer


def hardtanh01(x: Tensor) -> Tensor:
    """Clamp to [0, 1]; no gradient outside."""
    return F.hardtanh(x, 0.0, 1.0)


class UtteranceGate(nn.Module):
    """Encodes a row and lets a gate decide how much of each feature passes: (n, D) to z and gate, both (n, H)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = gate_layer(width, hidden)
        self.encode_in = nn.Linear(width, 2 * hidden)
        self.encode_out = nn.Linear(2 * hidden, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        gate = hardtanh01(self.gate(x))
        z = gate * torch.relu(self.encode_out(torch.tanh(self.encode_in(x))))
        return z, gate


class DialogueGate(nn.Module):
    """Mixes z (n, H) with a learned context c (H,): `temporal * (forget * c + input * z)`.

    Returns the mixture (n, H) and the three gates (n, H) by name.
    """

    NAMES = ("temporal", "forget", "input")

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.context = nn.Parameter(torch.randn(hidden) * hidden**-0.5)
        # The three gates read the same [z, c], so one layer computes them all.
        self.gates = gate_layer(2 * hidden, 3 * hidden)

    def forward(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        both = torch.cat([z, self.context.to(z.dtype).expand_as(z)], dim=-1)
        temporal, forget, inward = hardtanh01(self.gates(both)).chunk(3, dim=-1)
        mixed = temporal * (forget * self.context + inward * z)
        return mixed, dict(zip(self.NAMES, (temporal, forget, inward), strict=True))

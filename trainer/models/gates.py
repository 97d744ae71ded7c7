"""The two gates of the fusion auto-encoder. Shapes: n rows, D input features, H hidden, K members.

`stacked` is `forward` for K members at once, with their parameters in `w`: the same formula, features before rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.stacked import Weights, linear


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
        """x (n, D); z and gate (n, H)."""
        gate = hardtanh01(self.gate(x))
        z = gate * torch.relu(self.encode_out(torch.tanh(self.encode_in(x))))
        return z, gate

    def stacked(self, w: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (D, n), shared, or (K, D, n); z and gate (K, H, n)."""
        gate = linear(w.of("gate"), x, "hardtanh01")
        z = gate * linear(w.of("encode_out"), linear(w.of("encode_in"), x, "tanh"), "relu")
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
        """z (n, H); the mixture and each gate by name (n, H)."""
        both = torch.cat([z, self.context.to(z.dtype).expand_as(z)], dim=-1)
        temporal, forget, inward = hardtanh01(self.gates(both)).chunk(3, dim=-1)
        mixed = temporal * (forget * self.context + inward * z)
        return mixed, dict(zip(self.NAMES, (temporal, forget, inward), strict=True))

    def stacked(self, w: Weights, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """z (K, H, n); the mixture and the gates (K, H, n)."""
        context = w["context"].unsqueeze(2)
        both = torch.cat([z, context.to(z.dtype).expand_as(z)], dim=1)
        temporal, forget, inward = linear(w.of("gates"), both, "hardtanh01").chunk(3, dim=1)
        mixed = temporal * (forget * context + inward * z)
        return mixed, dict(zip(self.NAMES, (temporal, forget, inward), strict=True))

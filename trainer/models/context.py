"""Context encoders over a dialogue. Shapes: S dialogues, L longest, F features; n = all rows of all dialogues."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainer.models.dropout import Dropout


class NoContext(nn.Module):
    """Each row by itself."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()

    def forward(self, u: Tensor, lengths: Tensor) -> Tensor:
        """u (n, F), lengths (S,) on the CPU; returns (n, F)."""
        return u


class GRUContext(nn.Module):
    """A bidirectional GRU over each dialogue, added to the row's own representation."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(width, width // 2, num_layers=layers, bidirectional=True, batch_first=True)
        self.mix = nn.Linear(2 * (width // 2), width)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, u: Tensor, lengths: Tensor) -> Tensor:
        """u (n, F), lengths (S,) on the CPU; returns (n, F)."""
        # Packing keeps padding out of the backward direction.
        padded, mask = pad(u, lengths)
        packed = nn.utils.rnn.pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
        out, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=padded.shape[1])
        told: Tensor = self.norm(u + self.mix(self.dropout(out[mask])))
        return told


class TransformerContext(nn.Module):
    """A masked transformer encoder with sinusoidal positions over each dialogue."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        heads = max(h for h in (1, 2, 4) if width % h == 0)
        # Its own dropout would draw from the global generator; ours stands before and after it.
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, u: Tensor, lengths: Tensor) -> Tensor:
        """u (n, F), lengths (S,) on the CPU; returns (n, F)."""
        padded, mask = pad(u, lengths)
        out = self.encoder(padded + positions(padded.shape[1], u.shape[1], u), src_key_padding_mask=~mask)
        told: Tensor = self.norm(u + self.dropout(out[mask]))
        return told


ENCODERS: dict[str, type[nn.Module]] = {
    "none": NoContext,
    "gru": GRUContext,
    "transformer": TransformerContext,
}


def pad(u: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, F) that stand dialogue after dialogue to (S, L, F), and the mask (S, L) of real rows."""
    longest = int(lengths.max())
    mask = (torch.arange(longest) < lengths[:, None]).to(u.device)
    padded = u.new_zeros(len(lengths), longest, u.shape[1])
    padded[mask] = u
    return padded, mask


def positions(length: int, width: int, like: Tensor) -> Tensor:
    """Sinusoidal positions (length, width). Source: Vaswani et al. 2017, Attention Is All You Need, 3.5."""
    steps = torch.arange(length, device=like.device, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    table = torch.zeros(length, width, device=like.device)
    table[:, 0::2] = torch.sin(steps * rates)
    table[:, 1::2] = torch.cos(steps * rates)[:, : width // 2]
    return table.to(like.dtype)

"""Context encoders over a dialogue. Shapes: S dialogues, L longest, F features; n rows of all dialogues; K members.

`stacked` is `forward` for K members at once, with their parameters in `w`: u and the result (K, n, F).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.models.dropout import Dropout
from trainer.models.recurrence import Recurrence, packing
from trainer.stacked import Weights, affine, layer_norm, linear, multiply


class NoContext(nn.Module):
    """Each row by itself."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()

    def forward(self, u: Tensor, lengths: Tensor) -> Tensor:
        """u (n, F), lengths (S,) on the CPU; returns (n, F)."""
        return u

    def stacked(self, w: Weights, u: Tensor, lengths: Tensor) -> Tensor:
        """The same for K members: u and the result (K, F, n)."""
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

    def stacked(self, w: Weights, u: Tensor, lengths: Tensor) -> Tensor:
        """Both directions of all members are one recurrence over 2K; no padding is computed."""
        members = len(u)
        *orders, sizes = packing(lengths.numpy())
        forwards, backwards = (torch.from_numpy(order).to(u.device) for order in orders)
        out = u
        for layer in range(self.gru.num_layers):
            of = [f"gru.{{}}_l{layer}", f"gru.{{}}_l{layer}_reverse"]
            weight_ih, bias_ih, weight_hh, bias_hh = (
                torch.cat([w[name.format(what)] for name in of])
                for what in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
            )
            read = torch.cat([out.index_select(1, forwards), out.index_select(1, backwards)])  # (2K, n, F)
            x = affine(weight_ih, bias_ih, read.transpose(1, 2))
            told: Tensor = Recurrence.apply(x, weight_hh, bias_hh, sizes).transpose(1, 2)  # type: ignore[no-untyped-call]
            ahead, behind = told[:members], told[members:]
            out = torch.cat(
                [ahead.index_select(1, forwards.argsort()), behind.index_select(1, backwards.argsort())], dim=2
            )
        mixed = linear(w.of("mix"), self.dropout(out).transpose(1, 2)).transpose(1, 2)
        return layer_norm(w.of("norm"), u + mixed)


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

    def stacked(self, w: Weights, u: Tensor, lengths: Tensor) -> Tensor:
        """As `forward` for K members: u and the result (K, F, n)."""
        members, _, width = u.shape
        longest = int(lengths.max())
        mask = torch.arange(longest) < lengths[:, None]
        where = mask.flatten().nonzero().squeeze(1).to(u.device)
        x = u.new_zeros(members, mask.numel(), width).index_copy(1, where, u)
        x = (x.unflatten(1, mask.shape) + positions(longest, width, u)).flatten(1, 2)
        for i in range(len(self.encoder.layers)):
            x = self._layer(w.of(f"encoder.layers.{i}"), x, mask.to(u.device))
        return layer_norm(w.of("norm"), u + self.dropout(x.index_select(1, where)))

    def _layer(self, w: Weights, x: Tensor, mask: Tensor) -> Tensor:
        """`nn.TransformerEncoderLayer` with norm_first, of K members; x (K, S L, F), mask (S, L) of real rows."""
        attention, heads = w.of("self_attn"), self.encoder.layers[0].self_attn.num_heads
        normed = layer_norm(w.of("norm1"), x).transpose(1, 2)
        qkv = affine(attention["in_proj_weight"], attention["in_proj_bias"], normed)
        # (K, 3F, S L) to three of (K, S, heads, L, F / heads)
        parts = qkv.unflatten(2, mask.shape).unflatten(1, (3, heads, -1)).permute(1, 0, 4, 2, 5, 3)
        query, key, value = parts.unbind()
        # Written out with products that round alike wherever a member lies.
        scores = (
            multiply(query.flatten(0, 2), key.flatten(0, 2).mT).unflatten(0, query.shape[:3]) * query.shape[-1] ** -0.5
        )
        shares = F.softmax(scores.masked_fill(~mask[:, None, None, :], -math.inf), dim=-1)
        seen = multiply(shares.flatten(0, 2), value.flatten(0, 2)).unflatten(0, query.shape[:3])
        seen = seen.permute(0, 2, 4, 1, 3).flatten(3).flatten(1, 2)  # (K, heads F/heads, S L)
        x = x + linear(attention.of("out_proj"), seen).transpose(1, 2)
        inner = linear(w.of("linear1"), layer_norm(w.of("norm2"), x).transpose(1, 2), "relu")
        return x + linear(w.of("linear2"), inner).transpose(1, 2)


ENCODERS: dict[str, type[NoContext] | type[GRUContext] | type[TransformerContext]] = {
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

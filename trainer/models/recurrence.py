"""The recurrence of B GRUs side by side over packed sequences. Shapes: h features, S sequences, n rows in all.

Packed as in `nn.utils.rnn.pack_padded_sequence`: sequences by length, longest first, and of these all first rows, then
all second rows, ...; step t has `sizes[t]` rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.stacked import aligned, product


def packing(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Which row stands where: for reading forwards (n,), for reading backwards (n,), and the rows of each step.

    lengths (S,): rows of each sequence; the rows stand sequence after sequence.
    """
    order = np.argsort(-lengths, kind="stable")
    first, size = (np.cumsum(lengths) - lengths)[order], lengths[order]
    steps = np.arange(size[0])[:, None]
    there = steps < size
    return (first + steps)[there], (first + size - 1 - steps)[there], there.sum(1).tolist()


class Recurrence(torch.autograd.Function):
    """h_t of B GRUs (B, h, n), from the input's share of the gates (B, 3h, n), weight (B, 3h, h) and bias (B, 3h).

    As in `torch.nn.GRU`, from h = 0: r = sigmoid(x_r + W_r h + b_r), z likewise, c = tanh(x_c + r (W_c h + b_c)),
    h' = c + z (h - c).
    The backward pass is written out: through autograd each step would cost some forty small operations.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int]) -> Tensor:
        """The states, step after step of `sizes` rows, as x has them."""
        width, weight = weight.shape[2], aligned(weight)
        gated = 2 * width
        # Both biases at once; the candidate's recurrent one is apart from its input, as r scales it.
        bias = bias.unsqueeze(2)
        plus = torch.cat([x[:, :gated] + bias[:, :gated], bias[:, gated:].expand_as(x[:, gated:])], dim=1)
        h = x.new_zeros(x.shape[0], width, sizes[0])
        states, before, gates, candidates, recalls = [], [], [], [], []
        for now, given in zip(plus.split(list(sizes), dim=2), x[:, gated:].split(list(sizes), dim=2), strict=True):
            h = h[:, :, : now.shape[2]]
            told = product(weight, aligned(h), now)
            # The sigmoid by tanh: on a CPU torch.sigmoid rounds differently at the end of a tensor, so a member's bits
            # would depend on its place.
            both = torch.tanh(0.5 * told[:, :gated]).mul_(0.5).add_(0.5)
            recalled = told[:, gated:]
            candidate = torch.addcmul(given, both[:, :width], recalled).tanh_()
            before.append(h)
            h = torch.lerp(candidate, h, both[:, width:])
            states.append(h)
            gates.append(both)
            candidates.append(candidate)
            recalls.append(recalled)
        ctx.save_for_backward(*(torch.cat(parts, 2) for parts in (before, gates, candidates, recalls)), weight)
        ctx.sizes = list(sizes)
        return torch.cat(states, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        """The gradients of x, weight and bias from that of the states."""
        before, gates, candidate, recalled, weight = ctx.saved_tensors
        r, z = gates.chunk(2, dim=1)
        # What each gate's input gets is dh times a factor that needs no recurrence.
        to_c = (1 - z) * (1 - candidate.square())
        to_z = (before - candidate) * z * (1 - z)
        to_r = to_c * recalled * r * (1 - r)
        factors = torch.cat([to_r, to_z, to_c * r], dim=1).unflatten(1, (3, -1)).split(ctx.sizes, dim=3)
        dh = grad.clone()
        keeps, dhs = z.split(ctx.sizes, dim=2), dh.split(ctx.sizes, dim=2)
        back = weight.transpose(1, 2)
        carried = grad.new_zeros(grad.shape[0], grad.shape[1], 0)
        told = []
        for t in reversed(range(len(ctx.sizes))):
            dhs[t][:, :, : carried.shape[2]] += carried
            told.append((dhs[t].unsqueeze(1) * factors[t]).flatten(1, 2))
            carried = product(back, aligned(told[-1]), dhs[t] * keeps[t])
        to_told = torch.cat(told[::-1], 2)
        width = dh.shape[1]
        to_x = torch.cat([to_told[:, : 2 * width], dh * to_c], dim=1)
        return to_x, product(aligned(to_told), aligned(before).transpose(1, 2)), to_told.sum(2), None

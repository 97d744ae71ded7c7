"""The inter-modal branch: views attend to each other. Shapes: n rows, M views, P view width, H hidden."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InterModal(nn.Module):
    """Projects each view to P features, lets the views attend to each other, compresses and reconstructs.

    (n, D) to z_inter (n, H) and the reconstruction (n, D).
    """

    def __init__(self, widths: tuple[int, ...], view_width: int, hidden: int) -> None:
        super().__init__()
        self.widths = widths
        self.project = nn.ModuleList(nn.Linear(width, view_width) for width in widths)
        self.attend = nn.Linear(view_width, 3 * view_width)
        self.norm = nn.LayerNorm(view_width)
        self.compress = nn.Linear(len(widths) * view_width, hidden)
        self.reconstruct = nn.Linear(hidden, sum(widths))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        views = x.split(self.widths, dim=-1)
        tokens = torch.stack([layer(view) for layer, view in zip(self.project, views, strict=True)], dim=1)
        query, key, value = self.attend(tokens).chunk(3, dim=-1)
        # (n, M, M) scores between the views of one row; M is 2 to 6, so plain products beat a fused kernel.
        scores = query @ key.transpose(1, 2) * query.shape[-1] ** -0.5
        tokens = self.norm(tokens + F.softmax(scores, dim=-1) @ value)
        z = torch.relu(self.compress(tokens.flatten(1)))
        return z, self.reconstruct(z)

"""The inter-modal branch: views attend to each other. Shapes: n rows, M views, P view width, H hidden,
K members. `stacked` is `forward` for K members at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.stacked import Weights, layer_norm, linear


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
        """x (n, D), the views side by side; z (n, H) and the reconstruction (n, D)."""
        views = x.split(self.widths, dim=-1)
        tokens = torch.stack([layer(view) for layer, view in zip(self.project, views, strict=True)], dim=1)
        query, key, value = self.attend(tokens).chunk(3, dim=-1)
        # (n, M, M) scores between the views of one row; M is 2 to 6, so plain products beat a fused kernel.
        scores = query @ key.transpose(1, 2) * query.shape[-1] ** -0.5
        tokens = self.norm(tokens + F.softmax(scores, dim=-1) @ value)
        z = torch.relu(self.compress(tokens.flatten(1)))
        return z, self.reconstruct(z)

    def stacked(self, w: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (D, n), shared, or (K, D, n); z_inter (K, H, n) and the reconstruction (K, D, n)."""
        views = x.split(self.widths, dim=-2)
        projected = [linear(w.of(f"project.{i}"), view) for i, view in enumerate(views)]
        tokens = torch.stack(projected, dim=2)  # (K, P, M, n)
        query, key, value = linear(w.of("attend"), tokens.flatten(2)).unflatten(2, tokens.shape[2:]).chunk(3, dim=1)
        # Rows last, so that sums over the few views and features run along whole vectors of rows. (K, M, M, n)
        scores = (query.unsqueeze(3) * key.unsqueeze(2)).sum(1) * query.shape[1] ** -0.5
        seen = (F.softmax(scores, dim=2).unsqueeze(1) * value.unsqueeze(2)).sum(3)
        tokens = layer_norm(w.of("norm"), (tokens + seen).permute(0, 3, 2, 1))  # (K, n, M, P)
        z = linear(w.of("compress"), tokens.flatten(2).transpose(1, 2), "relu")
        return z, linear(w.of("reconstruct"), z)

"""A model of one's own for the tuner: shared and private subspaces, after MISA.

Each view is encoded twice, into a space that all views share and into one of its own. Three terms keep that so, and
their weights are what a study searches:

similarity      the shared codes of a row should agree across views
difference      shared and private codes should not say the same thing
reconstruction  both codes together should give the view back

Source: Hazarika, Zimmermann, Poria 2020, MISA: Modality-Invariant and -Specific Representations for Multimodal
Sentiment Analysis; here with mean squared distances for their central moment discrepancy.
"""

from itertools import combinations

import torch
from torch import nn
from torch.nn import functional as F


class Misa(nn.Module):
    regularisers = ("difference",)  # can reach 0 by itself, so adaptive weighting leaves its weight alone

    def __init__(self, views: dict[str, int], n_classes: int, hidden: int = 32, dropout: float = 0.3) -> None:
        super().__init__()
        self.widths = dict(views)
        self.project = nn.ModuleDict({name: nn.Linear(width, hidden) for name, width in views.items()})
        self.shared = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh())
        self.private = nn.ModuleDict({name: nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh()) for name in views})
        self.decode = nn.ModuleDict({name: nn.Linear(hidden, width) for name, width in views.items()})
        self.classify = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * hidden * len(views), hidden), nn.ReLU(), nn.Linear(hidden, n_classes)
        )

    def forward(self, batch):
        seen = {name: torch.relu(self.project[name](x)) for name, x in batch.views.items()}
        shared = {name: self.shared(u) for name, u in seen.items()}
        private = {name: self.private[name](u) for name, u in seen.items()}
        logits = self.classify(torch.cat([*shared.values(), *private.values()], dim=1))
        reconstruction = torch.cat([self.decode[name](shared[name] + private[name]) for name in self.widths], dim=1)
        pairs = list(combinations(shared.values(), 2))
        terms = {
            "similarity": torch.stack([F.mse_loss(a, b) for a, b in pairs]).mean() if pairs else logits.sum() * 0,
            "difference": torch.stack([overlap(shared[name], private[name]) for name in self.widths]).mean(),
            "reconstruction": F.mse_loss(reconstruction, batch.x),
        }
        return logits, terms, reconstruction


def overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mean squared correlation between the columns of two codes (n, H): 0 where they are orthogonal."""
    a, b = (F.normalize(code - code.mean(0), dim=0) for code in (a, b))
    return (a.T @ b).square().mean()

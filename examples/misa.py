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
        # Lists, in the order of the views: a ModuleDict refuses some names that views have, such as wav2vec2.0.
        self.project = nn.ModuleList([nn.Linear(width, hidden) for width in views.values()])
        self.shared = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh())
        self.private = nn.ModuleList([nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh()) for _ in views])
        self.decode = nn.ModuleList([nn.Linear(hidden, width) for width in views.values()])
        self.classify = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * hidden * len(views), hidden), nn.ReLU(), nn.Linear(hidden, n_classes)
        )

    def forward(self, batch):
        seen = [torch.relu(layer(x)) for layer, x in zip(self.project, batch.views.values(), strict=True)]
        shared = [self.shared(u) for u in seen]
        private = [layer(u) for layer, u in zip(self.private, seen, strict=True)]
        logits = self.classify(torch.cat([*shared, *private], dim=1))
        both = zip(self.decode, shared, private, strict=True)
        reconstruction = torch.cat([layer(s + p) for layer, s, p in both], dim=1)
        pairs = list(combinations(shared, 2))
        terms = {
            "similarity": torch.stack([F.mse_loss(a, b) for a, b in pairs]).mean() if pairs else logits.sum() * 0,
            "difference": torch.stack([overlap(s, p) for s, p in zip(shared, private, strict=True)]).mean(),
            "reconstruction": F.mse_loss(reconstruction, batch.x),
        }
        return logits, terms, reconstruction


def overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mean squared correlation between the columns of two codes (n, H): 0 where they are orthogonal."""
    a, b = (F.normalize(code - code.mean(0), dim=0) for code in (a, b))
    return (a.T @ b).square().mean()

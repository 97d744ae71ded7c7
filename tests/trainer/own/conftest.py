"""A model of three terms that can be told to go wrong, written to a file as a user's would be."""

from pathlib import Path

import pytest

from trainer.own_config import OwnModel

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F


class Mine(nn.Module):
    regularisers = ("small",)

    def __init__(self, views, n_classes, hidden=6, mode=""):
        super().__init__()
        self.views, self.mode = views, mode
        self.encode = nn.Linear(sum(views.values()), hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(0.3)
        self.classify = nn.Linear(hidden, n_classes)
        self.decode = nn.Linear(hidden, sum(views.values()))

    def forward(self, batch):
        assert batch.x.shape[1] == sum(self.views.values())
        assert torch.equal(torch.cat(list(batch.views.values()), 1), batch.x)
        assert {name: view.shape[1] for name, view in batch.views.items()} == self.views
        assert int(batch.lengths.sum()) == len(batch.x) == len(batch.labels)
        z = self.drop(torch.tanh(self.norm(self.encode(batch.x))))
        self.kept = z  # a tensor with a history, which cannot be copied
        logits, reconstruction = self.classify(z), self.decode(z)
        terms = {
            "rebuild": F.mse_loss(reconstruction, batch.x),
            "agree": (batch.views["a"].mean(1) - z.mean(1)).square().mean(),
            "small": z.square().mean(),
        }
        return getattr(self, self.mode or "fine")(batch, logits, terms, reconstruction)

    def fine(self, batch, logits, terms, reconstruction):
        return logits, terms, reconstruction

    def no_reconstruction(self, batch, logits, terms, reconstruction):
        return logits, terms

    def cheat(self, batch, logits, terms, reconstruction):
        known = F.one_hot(batch.labels.clamp(min=0), logits.shape[1]).float() * (batch.labels >= 0)[:, None]
        return logits * 0 + 50 * known, terms

    def draw(self, batch, logits, terms, reconstruction):
        return logits + torch.randn_like(logits), terms

    def bare(self, batch, logits, terms, reconstruction):
        return logits

    def narrow(self, batch, logits, terms, reconstruction):
        return logits[:, :2], terms

    def whole(self, batch, logits, terms, reconstruction):
        return logits.long(), terms

    def vector(self, batch, logits, terms, reconstruction):
        return logits, terms | {"agree": batch.x[:, 0]}

    def number(self, batch, logits, terms, reconstruction):
        return logits, terms | {"agree": 0.5}

    def taken(self, batch, logits, terms, reconstruction):
        return logits, terms | {"classification": terms["agree"]}

    def listed(self, batch, logits, terms, reconstruction):
        return logits, list(terms.values())

    def misshapen(self, batch, logits, terms, reconstruction):
        return logits, terms, reconstruction[:, :3]

    def undefined(self, batch, logits, terms, reconstruction):
        return logits, terms | {"agree": terms["agree"] * float("nan")}

    def later(self, batch, logits, terms, reconstruction):
        self.calls = getattr(self, "calls", 0) + self.training
        return logits, terms if self.calls < 4 else terms | {"agree": terms["agree"] * float("inf")}

    def forgets(self, batch, logits, terms, reconstruction):
        self.calls = getattr(self, "calls", 0) + self.training
        return logits, terms if self.calls < 3 else {"rebuild": terms["rebuild"]}

    def breaks(self, batch, logits, terms, reconstruction):
        return self.helper(logits), terms

    def helper(self, logits):
        return logits @ logits
"""


@pytest.fixture
def mine(tmp_path):
    """`mine(mode)`: the model, which in that mode answers otherwise."""
    file = Path(tmp_path / "mine.py")
    file.write_text(MODEL)

    def make(mode="", **arguments):
        return OwnModel(file=f"{file}:Mine", arguments={"mode": mode, **arguments})

    return make

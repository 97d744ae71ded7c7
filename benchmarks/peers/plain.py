"""The training as one writes it in plain PyTorch: DataLoader, the terms of the loss written out, scikit-learn's F1.

Both peers train with this. The model is ours, an ordinary `nn.Module`, and the numbers are the same as in our own
trainer: a test compares the loss of one batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from benchmarks.peers.work import Work
from trainer.config import ModelConfig, TrainingConfig
from trainer.data import load
from trainer.models.gated_fusion import GatedFusion, Output
from trainer.tensors import TRAIN, VALIDATION, TensorData, default_batch_size, to_tensors

Item = tuple[Tensor, Tensor]
"""Rows of one dialogue, or a single row: x (n, D), labels (n,)."""


class Rows(Dataset[Item]):
    """The rows of one split; an item is a dialogue where there are dialogues, else one row."""

    def __init__(self, data: TensorData, split: int) -> None:
        self.items = [(data.x[rows], data.labels[rows]) for rows in map(torch.from_numpy, data.sequences[split])]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        return self.items[index]


def collate(items: Sequence[Item]) -> tuple[Tensor, Tensor, Tensor]:
    """x (n, D), labels (n,), rows of each dialogue (S,)."""
    lengths = torch.tensor([len(labels) for _, labels in items])
    return torch.cat([x for x, _ in items]), torch.cat([labels for _, labels in items]), lengths


def read(work: Work) -> TensorData:
    """The data, standardised with the statistics of its training rows."""
    return to_tensors(load(work.source, work.path, seed=work.seed), ModelConfig())


class Loss:
    """The weighted sum of the terms."""

    def __init__(self, knobs: dict[str, Any]) -> None:
        self.knobs = knobs
        self.gamma = knobs.get("focal_gamma", 0.0)
        self.means: list[Tensor] | None = None

    def __call__(self, out: Output, x: Tensor, labels: Tensor, epochs_done: float) -> Tensor:
        """epochs_done: epochs trained so far, fractional."""
        knobs = self.knobs
        entropy = F.cross_entropy(out.logits, labels, reduction="none")
        classification = ((1 - torch.exp(-entropy)).clamp(min=1e-6) ** self.gamma * entropy).mean()
        compare = F.mse_loss if knobs["reconstruction_loss"] == "mse" else F.smooth_l1_loss
        reconstruction = compare(out.reconstruction_global, x) + compare(out.reconstruction_inter, x)
        gates = [out.gates[name] for name in ("temporal", "forget", "input")]
        gate = torch.stack([((g - 0.5) ** 2).mean() for g in gates]).sum()
        weight = knobs["encoder_loss_weight"]
        if knobs["weighting"] == "warmup":
            weight *= min(1.0, epochs_done / knobs["warmup_epochs"])
        elif knobs["weighting"] == "ema_inverse":
            weight *= self._balance(classification.detach(), reconstruction.detach())
        total: Tensor = classification + weight * reconstruction + knobs["gate_reg_weight"] * gate
        return total

    def _balance(self, *terms: Tensor) -> Tensor:
        """Running mean of the classification term by that of the reconstruction, within 1/10 .. 10."""
        if self.means is None:
            self.means = list(terms)
        else:
            self.means = [0.9 * mean + 0.1 * term for mean, term in zip(self.means, terms, strict=True)]
        return (self.means[0] / self.means[1]).clamp(0.1, 10.0)


class Training:
    """One trial: `epoch()` until the budget is spent."""

    def __init__(self, knobs: dict[str, Any], data: TensorData, work: Work) -> None:
        settings = TrainingConfig()
        torch.manual_seed(work.seed)
        self.model = GatedFusion(data.widths, data.n_classes, ModelConfig(), data.context)
        self.loss = Loss(knobs)
        train, validation = Rows(data, TRAIN), Rows(data, VALIDATION)
        rows = data.n_rows(TRAIN)
        self.steps = math.ceil(rows / default_batch_size(rows))
        # No worker processes: for tensors in memory they cost more than they give.
        self.train_loader = DataLoader(train, math.ceil(len(train) / self.steps), shuffle=True, collate_fn=collate)
        self.validation_loader = DataLoader(validation, 4096, collate_fn=collate)
        self.clip = settings.clip_norm
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        total = self.steps * work.epochs
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: warm_cosine(step, total))
        self.done = 0

    def epoch(self) -> dict[str, float]:
        """Train one epoch and score the validation rows."""
        self.model.train()
        losses = []
        for i, (x, labels, lengths) in enumerate(self.train_loader):
            total = self.loss(self.model(x, lengths), x, labels, self.done + i / self.steps)
            self.optimizer.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
            self.optimizer.step()
            self.schedule.step()
            losses.append(total.item())
        self.done += 1
        return {"train_loss": sum(losses) / len(losses), **self.validate()}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Cross-entropy, reconstruction error, accuracy and F1 on the validation rows."""
        self.model.eval()
        predicted, truth, entropy, error = [], [], 0.0, 0.0
        for x, labels, lengths in self.validation_loader:
            out = self.model(x, lengths)
            entropy += F.cross_entropy(out.logits, labels, reduction="sum").item()
            error += F.mse_loss(out.reconstruction_global, x).item() * len(x)
            predicted.append(out.logits.argmax(1))
            truth.append(labels)
        y, guess = torch.cat(truth).numpy(), torch.cat(predicted).numpy()
        return {
            "val_cross_entropy": entropy / len(y),
            "val_mse": error / len(y),
            "val_accuracy": float((y == guess).mean()),
            "val_macro_f1": float(f1_score(y, guess, average="macro", zero_division=0)),
            "val_weighted_f1": float(f1_score(y, guess, average="weighted", zero_division=0)),
        }


def warm_cosine(step: int, total: int) -> float:
    """A tenth of linear warm-up, then cosine to 0."""
    warm = max(1, total // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))

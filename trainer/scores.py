"""Yardsticks: measures that no loss knob rescales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.tensors import Batch, TensorData


class Prediction(Protocol):
    """What a model says of n rows."""

    @property
    def logits(self) -> Tensor:
        """(n, C)"""

    @property
    def reconstructions(self) -> tuple[Tensor, ...]:
        """(n, D) each; none where the model reconstructs nothing"""

    @property
    def gates(self) -> dict[str, Tensor]:
        """(n, H) each, in [0, 1]"""


SATURATED_BELOW, SATURATED_ABOVE = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Scores:
    """What one evaluation measured, all in evaluation mode."""

    values: dict[str, float]
    """cross_entropy, weighted_f1, macro_f1, accuracy; mse and mae where there is a reconstruction"""
    class_f1: list[float]
    """F1 of each class (C,)"""
    gates: dict[str, float]
    """<gate>_mean and <gate>_saturated"""


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorData, batches: list[Batch]) -> Scores:
    """Score a model whose output is a :class:`Prediction` on some rows.

    Rows without a label count in the reconstruction measures only.
    """
    model.eval()
    entropy = data.x.new_zeros(())
    errors = data.x.new_zeros(2)
    confusion = torch.zeros(data.n_classes**2, dtype=torch.int64, device=data.device)
    gates: dict[str, Tensor] = {}
    rows = 0
    for batch in batches:
        x, labels = data.x[batch.rows], data.labels[batch.rows]
        out: Prediction = model(x, batch.lengths)
        rows += len(x)
        for reconstruction in out.reconstructions:
            residual = (reconstruction - x).float()
            sums = torch.stack([residual.square().mean(1).sum(), residual.abs().mean(1).sum()])
            errors += sums / len(out.reconstructions)
        for name, gate in out.gates.items():
            saturated = ((gate < SATURATED_BELOW) | (gate > SATURATED_ABOVE)).float()
            sums = torch.stack([gate.float().mean(1).sum(), saturated.mean(1).sum()])
            gates[name] = gates[name] + sums if name in gates else sums
        known = labels >= 0
        logits, truth = out.logits[known].float(), labels[known]
        entropy += F.cross_entropy(logits, truth, reduction="sum")
        confusion += torch.bincount(truth * data.n_classes + logits.argmax(1), minlength=data.n_classes**2)
    matrix = confusion.reshape(data.n_classes, data.n_classes).double().cpu()
    summary, class_f1 = classification_scores(matrix)
    values = {"cross_entropy": float(entropy) / max(1.0, float(matrix.sum())), **summary}
    if out.reconstructions:
        values |= dict(zip(("mse", "mae"), (errors / rows).tolist(), strict=True))
    means = {name: (sums / rows).tolist() for name, sums in gates.items()}
    stats = {f"{n}_mean": m[0] for n, m in means.items()} | {f"{n}_saturated": m[1] for n, m in means.items()}
    return Scores(values, class_f1, stats)


def classification_scores(confusion: Tensor) -> tuple[dict[str, float], list[float]]:
    """Weighted F1, macro F1 and accuracy, and the F1 of each class, from a confusion matrix (true, predicted).

    As scikit-learn's `f1_score` with zero_division=0: macro averages the classes that occur in truth or prediction.
    """
    hits, support, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    f1 = 2 * hits / (support + predicted).clamp(min=1)
    occurs = (support + predicted) > 0
    total = support.sum().clamp(min=1)
    summary = {
        "weighted_f1": float((f1 * support).sum() / total),
        "macro_f1": float(f1[occurs].mean()) if bool(occurs.any()) else 0.0,
        "accuracy": float(hits.sum() / total),
    }
    return summary, f1.tolist()

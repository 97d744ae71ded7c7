"""Yardsticks: measures that no loss knob rescales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.losses._precision import full
from trainer.tensors import Batch, TensorData


class Prediction(Protocol):
    """What a model says of n rows; what K models say at once is (K, features, n) throughout."""

    @property
    def logits(self) -> Tensor:
        """(n, C)"""

    @property
    def reconstructions(self) -> tuple[Tensor, ...]:
        """(n, D) each; none where the model reconstructs nothing"""

    @property
    def gates(self) -> dict[str, Tensor]:
        """(n, H) each, in [0, 1]"""


@dataclass(frozen=True, slots=True)
class _AsStack:
    """One model's prediction as that of K = 1 models."""

    logits: Tensor
    reconstructions: tuple[Tensor, ...]
    gates: dict[str, Tensor]

    @classmethod
    def of(cls, one: Prediction) -> _AsStack:
        gates = {name: gate.T[None] for name, gate in one.gates.items()}
        return cls(one.logits.T[None], tuple(r.T[None] for r in one.reconstructions), gates)


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


def evaluate(model: nn.Module, data: TensorData, batches: list[Batch], *, gates: bool = True) -> Scores:
    """Score a model whose output is a :class:`Prediction` on some rows; gates: whether to measure these too.

    Rows without a label count in the reconstruction measures only.
    """
    model.eval()
    return score(lambda x, lengths: _AsStack.of(model(x, lengths)), data, batches, gates=gates)[0]


@torch.no_grad()
def score(
    models: Callable[[Tensor, Tensor], Prediction], data: TensorData, batches: list[Batch], *, gates: bool = True
) -> list[Scores]:
    """Score K models at once, which are in evaluation mode; one Scores each."""
    c = data.n_classes
    sums: dict[str, Tensor] = {}
    confusion: Tensor | None = None
    rows = 0
    for batch in batches:
        x, labels = data.x[batch.rows], data.labels[batch.rows]
        out = models(x, batch.lengths)
        rows += len(x)
        found = _sums(out, x, gates)
        known = labels >= 0
        truth, logits = labels[known], full(out.logits)[:, :, known]
        k = len(logits)
        found["cross_entropy"] = -F.log_softmax(logits, dim=1).gather(1, truth.expand(k, 1, -1)).sum((1, 2))
        cell = torch.arange(k, device=data.device)[:, None] * c * c + truth * c + logits.argmax(1)
        counts = torch.bincount(cell.flatten(), minlength=k * c * c)
        confusion = counts if confusion is None else confusion + counts
        sums = {name: sums[name] + value if sums else value for name, value in found.items()}
    assert confusion is not None
    table = {name: value.tolist() for name, value in sums.items()}
    entropies = table.pop("cross_entropy")
    found_scores = []
    for k, matrix in enumerate(confusion.reshape(-1, c, c).double().cpu()):
        summary, class_f1 = classification_scores(matrix)
        values = {"cross_entropy": entropies[k] / max(1.0, float(matrix.sum()))}
        means = {name: column[k] / rows for name, column in table.items()}
        values |= {name: means.pop(name) for name in ("mse", "mae") if name in means}
        found_scores.append(Scores(values | summary, class_f1, means))
    return found_scores


def _sums(out: Prediction, x: Tensor, gates: bool) -> dict[str, Tensor]:
    """Sums over the rows (K,): of the errors, each a mean over features and reconstructions, and of the gates."""
    sums: dict[str, Tensor] = {}
    residuals = [full(reconstruction - x.T) for reconstruction in out.reconstructions]
    if residuals:
        sums["mse"] = torch.stack([r.square().mean(1).sum(1) for r in residuals]).mean(0)
        sums["mae"] = torch.stack([r.abs().mean(1).sum(1) for r in residuals]).mean(0)
    for name, gate in out.gates.items() if gates else ():
        saturated = (gate < SATURATED_BELOW) | (gate > SATURATED_ABOVE)
        sums[f"{name}_mean"] = full(gate).mean(1).sum(1)
        sums[f"{name}_saturated"] = saturated.float().mean(1).sum(1)
    return sums


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

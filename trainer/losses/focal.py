"""Classification: focal loss, of which cross-entropy is the case gamma = 0."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.losses._precision import full


def focal(logits: Tensor, labels: Tensor, gamma: float | Tensor = 0.0, class_weights: Tensor | None = None) -> Tensor:
    """`(1 - p)^gamma * -log p`, the mean over the labelled rows; p is the probability of the true class.

    >>> round(focal(Tensor([[0.0, 0.0]]), torch.tensor([1]), gamma=1.0).item(), 3)
    0.347

    logits (n, C), labels (n,) int64 with -1 for a row without a label, class_weights (C,) or None; a scalar. Or of K
    members at once: logits (K, n, C), labels (n,) or (K, n), gamma (K,), class_weights (K, C) or None; (K,).

    With class weights the mean is weighted, as in `torch.nn.functional.cross_entropy`, which gamma = 0 equals exactly.
    With no labelled row the loss is 0 and has a zero gradient.
    Source: Lin et al. 2017, Focal Loss for Dense Object Detection (alpha = 1).
    """
    labelled = labels >= 0
    safe = labels.clamp(min=0)
    log_p = F.log_softmax(full(logits), dim=-1).gather(-1, safe[..., None].expand(*logits.shape[:-1], 1)).squeeze(-1)
    loss = -log_p
    if isinstance(gamma, Tensor) or gamma > 0:
        # 1 - p is exactly 0 for a certain row, where a power has an infinite gradient for gamma < 1.
        power = gamma[:, None] if isinstance(gamma, Tensor) else gamma
        # Not pow: on a CPU it rounds differently at the end of a tensor, so a member's bits would depend on its place.
        loss = loss * ((1 - log_p.exp()).clamp(min=1e-6).log() * power).exp()
    weight = labelled.to(loss.dtype)
    if class_weights is not None:
        weight = weight * class_weights.to(loss.dtype).gather(-1, safe.expand(*class_weights.shape[:-1], -1))
    return (loss * weight).sum(-1) / weight.sum(-1).clamp(min=torch.finfo(loss.dtype).tiny)

"""Contrastive term: the two fusion branches should agree on which row they describe."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(a: Tensor, b: Tensor, temperature: float = 0.1) -> Tensor:
    """Symmetric InfoNCE between two representations of the same rows; a and b (n, H); a scalar.

    Row i of `a` and row i of `b` are the positive pair, all other rows of the batch the negatives. With fewer than
    two rows there is nothing to tell apart and the loss is 0.
    Source: van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding.
    """
    if a.shape[0] < 2:
        return (a.sum() + b.sum()) * 0.0
    similarity = F.normalize(a.float(), dim=-1) @ F.normalize(b.float(), dim=-1).T / temperature
    target = torch.arange(a.shape[0], device=a.device)
    return 0.5 * (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target))

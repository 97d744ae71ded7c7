"""Contrastive term: the two fusion branches should agree on which row they describe."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from trainer.losses._precision import full


def info_nce(a: Tensor, b: Tensor, temperature: float | Tensor = 0.1) -> Tensor:
    """Symmetric InfoNCE between two representations of the same rows; a and b (n, H); a scalar.

    Row i of `a` and row i of `b` are the positive pair, all other rows of the batch the negatives. With fewer than
    two rows there is nothing to tell apart and the loss is 0. Of K members at once: a and b (K, n, H), temperature
    (K,); gives (K,).
    Source: van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding.
    """
    if a.shape[-2] < 2:
        return (a.sum((-2, -1)) + b.sum((-2, -1))) * 0.0
    if isinstance(temperature, Tensor):
        temperature = temperature[:, None, None]
    similarity = F.normalize(full(a), dim=-1) @ F.normalize(full(b), dim=-1).transpose(-2, -1) / temperature
    log_p = [F.log_softmax(similarity, dim=side).diagonal(dim1=-2, dim2=-1).mean(-1) for side in (-1, -2)]
    return -0.5 * (log_p[0] + log_p[1])

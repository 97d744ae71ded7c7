"""A data set as standardised tensors on a device, and the order in which its rows are trained."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer.config import ModelConfig
from trainer.data import Dataset
from trainer.data.standardise import statistics
from trainer.errors import InputError
from trainer.own_config import OwnModel

TRAIN, VALIDATION, TEST = 0, 1, 2
LONGEST_SEQUENCE = 128
"""Longer dialogues are cut into windows of so many rows: it bounds memory, and context reaches that far at most."""
SCORED = 1000
"""Training rows that are scored after each epoch, at least, where there are so many."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are processed together: rows (n,) on the device; lengths (S,) on the CPU, summing to n."""

    rows: Tensor
    lengths: Tensor


@dataclass(frozen=True, slots=True)
class TensorData:
    """A Dataset ready for training. n rows, D features, C classes."""

    x: Tensor
    """(n, D) float32, standardised with the statistics of the training rows"""
    labels: Tensor
    """(n,) int64, -1 without a label"""
    mean: Tensor
    """(D,) float32"""
    scale: Tensor
    """(D,) float32; infinite where a feature is set to 0"""
    sequences: tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]
    """by split: row indices of each dialogue, in order; single rows where there is no context"""
    widths: tuple[int, ...]
    """features of each view"""
    view_names: tuple[str, ...]
    """names of the views, in the order of the columns"""
    label_names: tuple[str, ...]
    context: str
    """none, gru or transformer, resolved"""
    fully_labelled: bool
    """whether every training row has a label, which saves masking"""

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.label_names)

    @property
    def device(self) -> torch.device:
        """Where the rows lie."""
        return self.x.device

    def class_weights(self) -> Tensor:
        """(C,) balanced weights: labelled training rows / (classes * rows of the class)."""
        rows = torch.from_numpy(np.concatenate(self.sequences[TRAIN])).to(self.device)
        labels = self.labels[rows]
        counts = torch.bincount(labels[labels >= 0], minlength=self.n_classes).float()
        return counts.sum() / (self.n_classes * counts.clamp(min=1.0))

    @property
    def mixes(self) -> bool:
        """Whether a stack can hold members at different epochs: batches of every epoch have the same shape."""
        return self.context == "none" and self.fully_labelled

    def n_rows(self, split: int) -> int:
        """Rows of a part: TRAIN, VALIDATION or TEST."""
        return sum(len(sequence) for sequence in self.sequences[split])


def resolve_context(model: ModelConfig | OwnModel, data: Dataset) -> str:
    """`auto` means a GRU where rows belong to dialogues."""
    if model.context == "auto":
        return "none" if data.dialogue is None else "gru"
    if model.context != "none" and data.dialogue is None:
        raise InputError(
            f"model.context is {model.context}, but data {data.name!r} has no dialogues: expected auto or none"
        )
    return model.context


def to_tensors(data: Dataset, model: ModelConfig | OwnModel, device: str | torch.device = "cpu") -> TensorData:
    """Standardise with training statistics and move to the device. A constant feature is 0 in all rows."""
    x = data.matrix()
    train = data.rows(TRAIN)
    mean, scale = statistics(x, train)
    context = resolve_context(model, data)
    return TensorData(
        x=torch.from_numpy((x - mean) / scale).to(device),
        labels=torch.from_numpy(data.labels).to(device),
        mean=torch.from_numpy(mean),
        scale=torch.from_numpy(scale),
        sequences=tuple(_sequences(data, split, context) for split in (TRAIN, VALIDATION, TEST)),  # type: ignore[arg-type]
        widths=tuple(view.shape[1] for view in data.views.values()),
        view_names=tuple(data.views),
        label_names=data.label_names,
        context=context,
        fully_labelled=bool((data.labels[train] >= 0).all()),
    )


def _sequences(data: Dataset, split: int, context: str) -> list[np.ndarray]:
    rows = data.rows(split)
    if context == "none" or data.dialogue is None:
        return list(rows[:, None])
    # A dialogue that spans splits gives one sequence a split, so that context never carries test into train.
    order = np.argsort(data.dialogue[rows], kind="stable")
    ids = data.dialogue[rows][order]
    dialogues = np.split(rows[order], np.flatnonzero(np.diff(ids)) + 1)
    return [d[i : i + LONGEST_SEQUENCE] for d in dialogues for i in range(0, len(d), LONGEST_SEQUENCE)]


def default_batch_size(n_train: int) -> int:
    """The power of two nearest to a fiftieth of the training rows, 16 to 256: some 50 steps an epoch."""
    return int(np.clip(2 ** round(np.log2(max(n_train, 1) / 50)), 16, 256))


def epoch_batches(data: TensorData, batch_size: int, seed: int, epoch: int) -> list[Batch]:
    """The batches of one training epoch: shuffled sequences, packed into batches of about `batch_size` rows.

    The order depends on seed and epoch alone, so it needs no state and a resumed run sees the same one.
    """
    sequences = data.sequences[TRAIN]
    order = np.random.default_rng([seed, epoch]).permutation(len(sequences))
    return _pack([sequences[i] for i in order], batch_size, data.device, least=min(2, batch_size))


def evaluation_batches(data: TensorData, split: int, batch_size: int = 4096) -> list[Batch]:
    """All rows of a split, in order, in large batches."""
    return _pack(data.sequences[split], batch_size, data.device)


def training_sample(data: TensorData, batch_size: int = 4096) -> list[Batch]:
    """The training rows that are scored after each epoch: about as many as there are for validation, SCORED at least.

    Whole dialogues drawn at random, once for all trainings on the data. To score nine times as many took a quarter of
    the time, for a number that validation cannot be held against any more closely. All where labels are missing.
    """
    sequences = data.sequences[TRAIN]
    wanted = max(SCORED, data.n_rows(VALIDATION))
    if not data.fully_labelled or data.n_rows(TRAIN) <= wanted:
        return evaluation_batches(data, TRAIN, batch_size)
    order = np.random.default_rng(0).permutation(len(sequences))
    before = np.cumsum([0, *(len(sequences[i]) for i in order[:-1])])
    return _pack([sequences[i] for i in np.sort(order[before < wanted])], batch_size, data.device)


def _pack(sequences: list[np.ndarray], batch_size: int, device: torch.device, least: int = 1) -> list[Batch]:
    """Near-equal batches: a last batch of a few rows would be a step as large as the others, but noisier.

    least: rows of a batch; batch normalisation cannot train on a single one.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    total = int(lengths.sum())
    count = min(-(-total // batch_size), len(sequences))
    if least > 1 and lengths.min() < least:
        count = max(min(count, max(int((lengths >= least).sum()), len(sequences) // 2)), 1)
    middle = np.cumsum(lengths) - lengths / 2
    which = np.arange(count)
    starts = np.searchsorted(middle * count / total, which)
    # No batch is empty, even beside a long dialogue: every epoch has the same number of steps, whatever the order.
    starts = which + np.clip(np.maximum.accumulate(starts - which), 0, len(sequences) - count)
    batches = []
    edges = [*starts.tolist(), len(sequences)]
    if least > 1 and lengths.min() < least:
        edges = _moved(edges, lengths, least)
    for start, stop in itertools.pairwise(edges):
        rows = torch.from_numpy(np.concatenate(sequences[start:stop]))
        batches.append(Batch(rows.to(device), torch.from_numpy(lengths[start:stop])))
    return batches


def _moved(edges: list[int], lengths: np.ndarray, least: int) -> list[int]:
    """Where batches begin and end, moved as little as needed for each to have `least` rows (1 or 2).

    There must be as many sequences of so many rows as batches, or twice as many of any: then there is a way.
    """
    n, count = len(lengths), len(edges) - 1
    enough = [
        next((j for j in range(i + 1, min(i + least, n) + 1) if lengths[i:j].sum() >= least), 0) for i in range(n)
    ]
    most = [0] * (n + 1)
    """batches that what begins at a sequence can be cut into, at most"""
    for i in reversed(range(n)):
        most[i] = 1 + most[enough[i]] if enough[i] else 0
    moved = [0]
    for i in range(1, count):
        end = max(edges[i], enough[moved[-1]])
        while most[end] < count - i:
            end -= 1
        moved.append(end)
    return [*moved, n]

"""A small data set, a small model and short training, for everything that must run in milliseconds."""

import numpy as np
import pytest

from trainer.config import ModelConfig, TrainingConfig
from trainer.data._raw import Raw, build
from trainer.tensors import to_tensors


@pytest.fixture
def small():
    """The architecture; dropout is on, so that its random stream takes part in every comparison."""
    return ModelConfig(hidden=8, view_width=4, dropout=0.2)


@pytest.fixture
def short():
    """Four epochs of three steps on the 72 training rows of `dataset()`."""
    return TrainingConfig(epochs=4, batch_size=24, conflict_every=2)


@pytest.fixture
def dataset():
    """Builds a Dataset of two views (5 and 3 columns) and three classes, as many rows each."""

    def make(n=120, *, separation=1.0, labels=1.0, dialogue=None, split=None, seed=0):
        rng = np.random.default_rng(seed)
        y = np.arange(n) % 3
        x = separation * rng.normal(size=(3, 8))[y] + rng.normal(size=(n, 8))
        raw = Raw("synthetic", {"a": x[:, :5], "b": x[:, 5:]}, y, split=split, dialogue=dialogue)
        return build(raw, seed=0, labels=labels)

    return make


@pytest.fixture
def tensors(dataset, small):
    """Builds TensorData from what `dataset` takes."""

    def make(*args, **kwargs):
        return to_tensors(dataset(*args, **kwargs), small)

    return make

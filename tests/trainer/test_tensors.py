import dataclasses

import numpy as np
import pytest
import torch

from trainer.config import ModelConfig
from trainer.errors import InputError
from trainer.tensors import (
    LONGEST_SEQUENCE,
    TEST,
    TRAIN,
    VALIDATION,
    default_batch_size,
    epoch_batches,
    evaluation_batches,
    resolve_context,
    to_tensors,
    training_sample,
)


def rows_of(batches):
    return np.concatenate([batch.rows.numpy() for batch in batches])


def uneven(n, longest=9, seed=0):
    """Dialogue ids of n rows: dialogues of 1 to `longest` rows."""
    rng = np.random.default_rng(seed)
    return np.repeat(np.arange(n), rng.integers(1, longest + 1, n))[:n]


def test_standardisation_uses_training_rows_only(dataset, small):
    data = dataset()
    train = data.rows(TRAIN)
    x = to_tensors(data, small).x.numpy()
    np.testing.assert_allclose(x[train].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(x[train].std(0), 1, atol=1e-5)
    elsewhere = {name: view.copy() for name, view in data.views.items()}
    for view in elsewhere.values():
        view[np.setdiff1d(np.arange(data.n), train)] *= 100
    other = to_tensors(dataclasses.replace(data, views=elsewhere), small)
    np.testing.assert_array_equal(other.x.numpy()[train], x[train])
    assert np.abs(other.x.numpy()).max() > 50 > np.abs(x).max()


def test_mean_and_scale_undo_the_standardisation(dataset, small):
    data = dataset()
    t = to_tensors(data, small)
    np.testing.assert_allclose((t.x * t.scale + t.mean).numpy(), data.matrix(), atol=1e-5)
    assert t.widths == (5, 3) and t.fully_labelled and t.n_classes == 3


@pytest.mark.parametrize("value", [0.0, 0.1, -7e6, 3e30])
def test_a_constant_column_becomes_0(dataset, small, value):
    data = dataset()
    view = data.views["a"].copy()
    view[:, 2] = value
    x = to_tensors(dataclasses.replace(data, views={**data.views, "a": view}), small).x
    assert torch.equal(x[:, 2], torch.zeros(data.n))
    assert x[data.rows(TRAIN)][:, [0, 1, 3]].std(0).min() > 0.9


@pytest.mark.parametrize(
    ("context", "expected"), [("auto", "gru"), ("gru", "gru"), ("transformer", "transformer"), ("none", "none")]
)
def test_context_needs_dialogues(dataset, context, expected):
    config = ModelConfig(context=context)
    assert resolve_context(config, dataset(dialogue=np.arange(120) // 4)) == expected
    if context in ("auto", "none"):
        assert resolve_context(config, dataset()) == "none"
    else:
        with pytest.raises(InputError, match=f"{context}.*no dialogues"):
            resolve_context(config, dataset())


@pytest.mark.parametrize("batch_size", [1, 7, 24, 72, 1000])
def test_an_epoch_covers_every_training_row_once_in_near_equal_batches(dataset, tensors, batch_size):
    data = tensors()
    batches = epoch_batches(data, batch_size, seed=3, epoch=1)
    assert sorted(rows_of(batches)) == dataset().rows(TRAIN).tolist()
    sizes = [len(batch.rows) for batch in batches]
    assert len(sizes) == -(-72 // batch_size)
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= batch_size
    assert all(batch.lengths.tolist() == [1] * len(batch.rows) for batch in batches)


@pytest.mark.parametrize("rows", [600, 4000])
def test_training_is_scored_on_whole_dialogues_as_large_as_validation(dataset, tensors, monkeypatch, rows):
    monkeypatch.setattr("trainer.tensors.SCORED", 500)
    dialogue = uneven(rows)
    data, source = tensors(rows, dialogue=dialogue), dataset(rows, dialogue=dialogue)
    found = rows_of(training_sample(data, 64))
    train = source.rows(TRAIN)
    assert len(found) == len(np.unique(found)) and np.isin(found, train).all()
    assert np.isin(train, found).sum() == np.isin(dialogue[train], dialogue[found]).sum()
    wanted = min(len(train), max(500, data.n_rows(VALIDATION)))
    assert wanted <= len(found) < wanted + 10
    assert found.tolist() == rows_of(training_sample(data, 4096)).tolist()


def test_where_labels_are_missing_all_training_rows_are_scored(tensors, monkeypatch):
    monkeypatch.setattr("trainer.tensors.SCORED", 5)
    data = tensors()
    assert data.n_rows(TRAIN) > len(rows_of(training_sample(data)))
    few = dataclasses.replace(data, fully_labelled=False)
    assert len(rows_of(training_sample(few))) == data.n_rows(TRAIN)


def test_order_depends_on_seed_and_epoch_alone(tensors):
    data = tensors()

    def order(seed, epoch):
        return rows_of(epoch_batches(data, 24, seed, epoch)).tolist()

    assert order(1, 1) == order(1, 1)
    np.random.seed(5)
    assert order(1, 1) == order(1, 1)
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16
    assert order(1, 1) != sorted(order(1, 1))


def test_dialogues_stay_whole_and_in_order(dataset, tensors):
    dialogue = uneven(300)
    data, source = tensors(300, dialogue=dialogue), dataset(300, dialogue=dialogue)
    batches = epoch_batches(data, 24, seed=0, epoch=1)
    assert sorted(rows_of(batches)) == source.rows(TRAIN).tolist()
    for batch in batches:
        assert int(batch.lengths.sum()) == len(batch.rows) <= 24 + 9
        for rows in torch.split(batch.rows, batch.lengths.tolist()):
            assert rows.tolist() == np.flatnonzero(dialogue == dialogue[rows[0]]).tolist()
    assert len(rows_of(batches)) / len(batches) == pytest.approx(24, rel=0.1)


@pytest.mark.parametrize("longest", [9, 40, 70])
def test_every_epoch_has_as_many_steps(tensors, longest):
    # The schedule of the learning rate and of warm-up counts on it, also where dialogues are longer than a batch.
    data = tensors(400, dialogue=uneven(400, longest))
    counts = {len(epoch_batches(data, 16, seed, epoch)) for seed in range(4) for epoch in range(10)}
    # No batch is a single row: there are as many as longer dialogues, or half as many as dialogues.
    lengths = [len(sequence) for sequence in data.sequences[TRAIN]]
    most = max(sum(length > 1 for length in lengths), len(lengths) // 2) if 1 in lengths else len(lengths)
    assert counts == {min(-(-data.n_rows(TRAIN) // 16), most)}


def test_rows_of_a_dialogue_may_be_scattered(tensors):
    dialogue = np.arange(120) % 12
    for batch in epoch_batches(tensors(dialogue=dialogue), 24, seed=0, epoch=1):
        for rows in torch.split(batch.rows, batch.lengths.tolist()):
            assert rows.tolist() == np.flatnonzero(dialogue == dialogue[rows[0]]).tolist()


def test_a_dialogue_that_spans_splits_gives_one_sequence_to_each(tensors):
    split = np.arange(120) // 3 % 3
    data = tensors(dialogue=np.arange(120) // 12, split=split)
    for part in (TRAIN, VALIDATION, TEST):
        assert len(data.sequences[part]) == 10 and data.n_rows(part) == np.sum(split == part)
        for sequence in data.sequences[part]:
            assert set(split[sequence]) == {part} and np.all(np.diff(sequence) > 0)


def test_long_dialogues_are_cut_into_windows(tensors):
    n = 2 * LONGEST_SEQUENCE + 10
    split = np.repeat([0, 1, 2], [n, 30, 30])
    sequences = tensors(n + 60, dialogue=split, split=split).sequences[TRAIN]
    assert [len(sequence) for sequence in sequences] == [LONGEST_SEQUENCE, LONGEST_SEQUENCE, 10]
    assert np.concatenate(sequences).tolist() == list(range(n))


@pytest.mark.parametrize("dialogue", [None, np.arange(120) // 5])
def test_evaluation_sees_each_row_of_a_split_in_order(dataset, tensors, dialogue):
    source, data = dataset(dialogue=dialogue), tensors(dialogue=dialogue)
    for part in (TRAIN, VALIDATION, TEST):
        assert rows_of(evaluation_batches(data, part, 10)).tolist() == source.rows(part).tolist()


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 16), (72, 16), (480, 16), (831, 16), (1600, 32), (9989, 256), (10**6, 256)]
)
def test_default_batch_size(rows, size):
    assert default_batch_size(rows) == size


def test_balanced_class_weights(dataset, small):
    data = dataset()
    labels = data.labels.copy()
    train = data.rows(TRAIN)
    labels[train] = np.repeat([0, 1, 2, -1], [6, 12, 36, 18])
    weights = to_tensors(dataclasses.replace(data, labels=labels), small).class_weights()
    assert weights.tolist() == pytest.approx([54 / 18, 54 / 36, 54 / 108])

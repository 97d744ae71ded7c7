"""Legal data that would ruin a result in silence: columns that vary where training did not see it, batches of one row,
labels that are words, formats that look like others."""

import pickle

import numpy as np
import pytest
import torch

from trainer.config import ModelConfig
from trainer.data import load, source_of
from trainer.data.standardise import odd, statistics
from trainer.errors import InputError
from trainer.tensors import TRAIN, epoch_batches, to_tensors


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    return {"view_a": rng.normal(size=(300, 6)) + np.eye(6)[y], "y": y, "split": np.repeat([0, 1, 2], [200, 50, 50])}


def saved(path, arrays):
    np.savez(path, **arrays)
    return load("npz", str(path))


LATE = {
    "constant": lambda rng, train: np.where(train, 0, 1e4 * rng.normal(size=300)),
    "constant and large": lambda rng, train: np.where(train, 5e3, 1e4 * rng.normal(size=300)),
    "rounding": lambda rng, train: np.where(train, 1e-9 * rng.normal(size=300), 1e4 * rng.normal(size=300)),
    "but for one row": lambda rng, train: np.where(train, np.arange(300) == 7, 1e4 * rng.normal(size=300)),
}


@pytest.mark.parametrize("kind", LATE)
def test_a_column_that_train_does_not_know_is_zero_everywhere(tmp_path, arrays, kind):
    train = arrays["split"] == 0
    arrays["view_a"][:, 4] = LATE[kind](np.random.default_rng(1), train)
    data = saved(tmp_path / "late.npz", arrays)
    tensors = to_tensors(data, ModelConfig())
    assert tensors.x[:, 4].abs().max() == 0 and tensors.x.isfinite().all()
    assert tensors.x[:, :4].std() > 0.9
    (found,) = odd(data)
    assert found.idle == [4] and found.far == [] and "view 'a': 1 column (4)" in found.text


def test_what_is_far_away_is_reported_and_kept(tmp_path, arrays):
    arrays["view_a"][250:260, 2] = 1e5
    data = saved(tmp_path / "far.npz", arrays)
    (found,) = odd(data)
    assert (found.idle, found.far, found.rows) == ([], [2], 10) and found.largest > 1e4
    assert to_tensors(data, ModelConfig()).x[:, 2].abs().max() > 1e4


def test_other_columns_are_standardised_as_ever_bit_for_bit(tmp_path, arrays):
    """A rare category is no column that hardly varies, nor is a small unit."""
    arrays["view_a"][:, 3] = np.isin(np.arange(300), [5, 260])
    arrays["view_a"][:, 2] *= 1e-7
    arrays["view_a"][:, 1] = 3.0  # constant in all rows
    data = saved(tmp_path / "usual.npz", arrays)
    x, train = data.matrix(), data.rows(TRAIN)
    mean = x[train].mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = x[train].std(axis=0, dtype=np.float64).astype(np.float32)
    scale[1] = 1
    assert (to_tensors(data, ModelConfig()).x.numpy() == (x - mean) / scale).all()
    assert odd(data) == [] and np.isinf(statistics(x, train)[1]).tolist() == [False, True] + [False] * 4


def test_no_batch_is_a_single_row(tmp_path, arrays):
    sizes = [1, 40, 1, 1, 60, 1, 30, 1, 1, 64]
    arrays["dialogue"] = np.concatenate([np.repeat(np.arange(10), sizes), np.arange(10, 110)])
    data = to_tensors(saved(tmp_path / "d.npz", arrays), ModelConfig())
    assert data.context == "gru"
    for size in (2, 4, 16, 64):
        for epoch in range(20):
            batches = epoch_batches(data, size, 0, epoch)
            assert min(len(b.rows) for b in batches) > 1
            assert sorted(torch.cat([b.rows for b in batches]).tolist()) == data_rows(data)
            assert all(int(b.lengths.sum()) == len(b.rows) for b in batches)
    assert {len(b.rows) for b in epoch_batches(data, 1, 0, 0)} >= {1}  # whoever asks for single rows gets them


def data_rows(data):
    return sorted(np.concatenate(data.sequences[TRAIN]).tolist())


def test_labels_dialogues_and_speakers_may_be_words(tmp_path, arrays):
    numbers = saved(tmp_path / "n.npz", arrays | {"dialogue": np.arange(300) // 3, "speaker": np.arange(300) % 2})
    words = np.array(["joy", "anger", "fear"])
    arrays["dialogue"] = np.array([f"video_{i // 3}" for i in range(300)])
    arrays["speaker"] = np.array(["Ross", "Rachel"])[np.arange(300) % 2]
    found = saved(tmp_path / "w.npz", arrays | {"y": words[arrays["y"]]})
    assert found.label_names == ("anger", "fear", "joy")
    assert [found.label_names[i] for i in found.labels] == words[numbers.labels].tolist()
    assert (found.dialogue == numbers.dialogue).all() and (found.speaker == numbers.speaker).all()
    named = saved(tmp_path / "l.npz", arrays | {"y": words[arrays["y"]], "label_names": words})
    assert (named.labels == numbers.labels).all()
    with pytest.raises(InputError, match="expected labels of label_names, found 'joy'"):
        saved(tmp_path / "x.npz", arrays | {"y": words[arrays["y"]], "label_names": np.array(["anger", "fear"])})
    hidden = np.where(np.arange(300) == 0, "", words[arrays["y"]])
    assert saved(tmp_path / "h.npz", arrays | {"y": hidden}).labels[0] == -1


def test_names_of_classes_and_views_that_a_terminal_would_obey_are_spelt(tmp_path, arrays):
    arrays["view_b\x1b[2J"] = arrays.pop("view_a")
    found = saved(tmp_path / "c.npz", arrays | {"label_names": np.array(["a\x07", "b", "[red]"])})
    assert found.label_names == ("a\\x07", "b", "[red]") and list(found.views) == ["b\\x1b[2J"]
    with pytest.raises(InputError, match="at most 200 characters"):
        saved(tmp_path / "l.npz", arrays | {"label_names": np.array(["a" * 201, "b", "c"])})


def mmsa(n, seed, **more):
    rng = np.random.default_rng(seed)
    audio = rng.normal(size=(n, 5, 3)).astype(np.float32)
    audio[:, 3:] = 0
    words = np.array(["Negative", "Neutral", "Positive"])[np.arange(n) % 3]
    return {"text": rng.normal(size=(n, 4)), "audio": audio, "annotations": words.tolist(), **more}


def test_dictionaries_of_mmsa_are_read(tmp_path):
    parts = {"train": mmsa(30, 0), "valid": mmsa(9, 1), "test": mmsa(12, 2)}
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(parts))
    assert source_of(str(tmp_path / "m.pkl")) == "mmsa"
    data = load("mmsa", str(tmp_path / "m.pkl"))
    assert data.label_names == ("Negative", "Neutral", "Positive")
    assert [len(data.rows(part)) for part in range(3)] == [30, 9, 12]
    assert np.allclose(data.views["audio"][:30], parts["train"]["audio"][:, :3].mean(axis=1), atol=1e-6)
    for part in parts.values():
        del part["annotations"]
        part["regression_labels"] = [0.5]
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(parts))
    with pytest.raises(InputError, match="regression_labels are no classes"):
        load("mmsa", str(tmp_path / "r.pkl"))


def test_a_file_of_torch_save_is_named(tmp_path):
    torch.save({"x": torch.zeros(3)}, tmp_path / "t.pt")
    with pytest.raises(InputError, match="found a file of torch.save; write its arrays with numpy.savez"):
        source_of(str(tmp_path / "t.pt"))


def test_a_dialogue_without_labels_but_with_rows_is_refused(tmp_path):
    one = lambda n, labels: {"text": np.zeros((n, 2)), "labels": labels, "speakers": ["a"] * n}  # noqa: E731
    parts = {"train": [one(3, [0, 1, 0]), one(2, [])], "dev": [one(2, [0, 1])], "test": [one(2, [0, 1])]}
    (tmp_path / "c.pkl").write_bytes(pickle.dumps(parts))
    with pytest.raises(InputError, match=r"dialogue .*: found no labels beside text of 2 rows"):
        load(source_of(str(tmp_path / "c.pkl")), str(tmp_path / "c.pkl"))

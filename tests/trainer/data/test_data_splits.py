import numpy as np
import pytest

from trainer.data.splits import hide_labels, make_split
from trainer.errors import InputError


def skewed(n=2000, classes=5, seed=0):
    """Labels in which class k has about half as many rows as class k - 1."""
    shares = 0.5 ** np.arange(classes)
    return np.random.default_rng(seed).choice(classes, size=n, p=shares / shares.sum())


def dialogues(n, length=10):
    return np.arange(n) // length


def assert_whole(split, dialogue):
    for one in np.unique(dialogue):
        assert len(set(split[dialogue == one])) == 1


@pytest.mark.parametrize("by_dialogue", [False, True])
@pytest.mark.parametrize("given", [None, "test only"])
def test_a_seed_decides_and_leaves_the_global_generator_alone(by_dialogue, given):
    labels = skewed()
    dialogue = dialogues(2000) if by_dialogue else None
    given = None if given is None else np.where(np.arange(2000) < 500, 2, 0).astype(np.int8)
    np.random.seed(7)
    expected = np.random.RandomState(7).random_sample()
    one = make_split(labels, dialogue, given, 1)
    np.testing.assert_array_equal(one, make_split(labels, dialogue, given, 1))
    assert np.any(one != make_split(labels, dialogue, given, 2))
    assert np.random.random_sample() == expected
    assert one.dtype == np.int8


def test_rows_are_stratified_to_the_row():
    labels = np.append(skewed(), [-1] * 50)
    split = make_split(labels, None, None, 0)
    for label in np.unique(labels):
        m = np.sum(labels == label)
        for part in (1, 2):
            assert np.sum(split[labels == label] == part) == round(0.2 * m)


@pytest.mark.parametrize(("m", "train", "held"), [(1, 1, 0), (2, 2, 0), (3, 1, 1), (7, 5, 1), (8, 4, 2)])
def test_tiny_classes(m, train, held):
    labels = np.array([0] * 100 + [1] * m)
    for seed in range(5):
        split = make_split(labels, None, None, seed)
        assert [np.sum(split[100:] == part) for part in (0, 1, 2)] == [train, held, held]


def test_dialogues_stay_whole_and_shares_hold():
    labels, dialogue = skewed(), dialogues(2000)
    split = make_split(labels, dialogue, None, 0)
    assert_whole(split, dialogue)
    np.testing.assert_allclose(np.bincount(split) / 2000, [0.6, 0.2, 0.2], atol=0.03)
    overall = np.bincount(labels) / 2000
    for part in (0, 1, 2):
        within = np.bincount(labels[split == part]) / np.sum(split == part)
        np.testing.assert_allclose(within, overall, atol=0.03)


@pytest.mark.parametrize("by_dialogue", [False, True])
def test_validation_is_cut_from_train_alone(by_dialogue):
    labels, dialogue = skewed(), dialogues(2000)
    given = np.where(np.arange(2000) % 100 < 30, 2, 0).astype(np.int8)
    split = make_split(labels, dialogue if by_dialogue else None, given, 0)
    np.testing.assert_array_equal(split == 2, given == 2)
    assert np.sum(split == 1) / np.sum(given == 0) == pytest.approx(0.2, abs=0.02)
    if by_dialogue:
        assert_whole(split, dialogue)


def test_a_whole_split_is_kept():
    given = np.array([2, 1, 0, 0, 1, 2], np.int8)
    for dialogue in (None, np.zeros(6, np.int64)):
        np.testing.assert_array_equal(make_split(np.arange(6) % 2, dialogue, given, 5), given)


@pytest.mark.parametrize("seed", range(10))
def test_a_class_in_one_dialogue_goes_to_train(seed):
    labels, dialogue = np.arange(500) % 3, dialogues(500)
    labels[40:43] = 3
    labels[460] = 4
    split = make_split(labels, dialogue, None, seed)
    assert set(labels[split == 0]) == {0, 1, 2, 3, 4}
    assert_whole(split, dialogue)


@pytest.mark.parametrize("count", [3, 4, 5, 6])
@pytest.mark.parametrize("rows", [1, 2, 30])
def test_few_dialogues(count, rows):
    dialogue = np.repeat(np.arange(count), rows)
    split = make_split(np.zeros(len(dialogue), np.int64), dialogue, None, 0)
    assert_whole(split, dialogue)
    assert set(split) == {0, 1, 2}
    assert len(set(dialogue[split == 0])) >= count - 4


def test_too_few_dialogues():
    with pytest.raises(InputError, match="at least 3 dialogues in the data.*found 2"):
        make_split(np.arange(20) % 2, np.arange(20) // 10, None, 0)
    given = np.repeat([0, 2], 10).astype(np.int8)
    with pytest.raises(InputError, match="at least 2 dialogues in train.*found 1"):
        make_split(np.arange(20) % 2, np.arange(20) // 10, given, 0)


@pytest.mark.parametrize("seed", range(5))
def test_many_rare_classes_in_dialogues(seed):
    labels, dialogue = np.arange(169) % 2, dialogues(169, 7)
    labels[::7][:3] = [2, 3, 4]
    split = make_split(labels, dialogue, None, seed)
    assert {2, 3, 4} <= set(labels[split == 0])
    assert np.any(split == 1) and np.any(split == 2)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_hidden_labels(share):
    labels = np.append(skewed(), [-1] * 20)
    labels[:2] = 5  # a class with two rows
    split = make_split(labels, None, None, 0)
    hidden = hide_labels(labels, split, share, 0)
    train = split == 0
    np.testing.assert_array_equal(hidden[~train], labels[~train])
    changed = hidden != labels
    assert np.all(hidden[changed] == -1)
    for label in range(6):
        m = np.sum(labels[train] == label)
        assert np.sum(hidden[train] == label) == max(1, round(share * m))


def test_hidden_labels_by_seed_and_nested():
    labels = skewed()
    split = make_split(labels, None, None, 0)
    few, more = (hide_labels(labels, split, share, 4) for share in (0.1, 0.4))
    np.testing.assert_array_equal(few, hide_labels(labels, split, 0.1, 4))
    assert np.any(few != hide_labels(labels, split, 0.1, 5))
    assert np.all(more[few >= 0] >= 0)


def test_full_share_hides_nothing_and_the_input_is_not_changed():
    labels = skewed()
    before = labels.copy()
    split = make_split(labels, None, None, 0)
    np.testing.assert_array_equal(hide_labels(labels, split, 1.0, 0), labels)
    hide_labels(labels, split, 0.1, 0)
    np.testing.assert_array_equal(labels, before)

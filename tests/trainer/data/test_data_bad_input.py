from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from trainer.data._raw import Raw, build
from trainer.errors import InputError

N = 100


def raw(**changes):
    rng = np.random.default_rng(0)
    views = {"a": rng.normal(size=(N, 3)), "b": rng.normal(size=(N, 2))}
    return replace(Raw("mine", views, np.arange(N) % 4), **changes)


def view(array):
    return raw(views={"a": np.ones((N, 3)), "b": array})


def with_values(shape, *values):
    array = np.zeros(shape)
    for row, column, value in values:
        array[row, column] = value
    return array


def with_y(*changes):
    y = np.arange(N) % 4
    for rows, value in changes:
        y[rows] = value
    return y


THIRDS = np.arange(N) % 3

BAD = {
    "no view": (raw(views={}), ["at least one view", "none"]),
    "view of one dimension": (view(np.ones(N)), ["view 'b'", "2-D", "(100,)"]),
    "view of three dimensions": (view(np.ones((N, 2, 2))), ["view 'b'", "2-D", "(100, 2, 2)"]),
    "view of strings": (view(np.full((N, 2), "x")), ["view 'b'", "numbers", "<U1"]),
    "view of complex numbers": (view(np.ones((N, 2)) * 1j), ["view 'b'", "real numbers", "complex128"]),
    "view of objects": (view(np.full((N, 2), None)), ["view 'b'", "object"]),
    "no rows": (raw(views={"a": np.ones((0, 3))}, y=np.zeros(0)), ["view 'a'", "no rows", "(0, 3)"]),
    "no columns": (view(np.ones((N, 0))), ["view 'b'", "no columns", "(100, 0)"]),
    "shorter view": (view(np.ones((90, 2))), ["view 'b' has 90", "view 'a' has 100"]),
    "shorter y": (raw(y=np.arange(90) % 4), ["y has 90", "view 'a' has 100"]),
    "longer split": (raw(split=np.arange(101) % 3), ["split has 101", "view 'a' has 100"]),
    "shorter dialogue": (raw(dialogue=np.arange(9)), ["dialogue has 9", "view 'a' has 100"]),
    "shorter speaker": (raw(speaker=np.arange(9)), ["speaker has 9", "view 'a' has 100"]),
    "NaN and infinity": (
        view(with_values((N, 2), (7, 0, np.nan), (7, 1, np.inf), (9, 0, -np.inf))),
        ["view 'b'", "found 3", "in 2 of 100 rows", "first in row 7"],
    ),
    "beyond float32": (view(with_values((N, 2), (5, 0, 1e300))), ["view 'b'", "found 1", "float32", "row 5"]),
    "y with fractions": (raw(y=with_y() + 0.5 * (np.arange(N) == 3)), ["y", "3.5 in row 3", "1 of 100"]),
    "y with NaN": (raw(y=np.where(np.arange(N) == 3, np.nan, with_y())), ["y", "integers", "nan in row 3"]),
    "y below -1": (raw(y=with_y((8, -2))), ["y", "-1", "found -2 in row 8"]),
    "y of two dimensions": (raw(y=with_y()[:, None]), ["y", "1-D", "(100, 1)"]),
    "one class": (raw(y=np.full(N, 3)), ["two classes", "only class 3"]),
    "no label": (raw(y=np.full(N, -1)), ["two classes", "no labelled row"]),
    "split values": (raw(split=np.arange(N) % 5), ["split", "0 train, 1 validation, 2 test", "found 3, 4"]),
    "split of fractions": (raw(split=np.full(N, 0.5)), ["split", "integers", "0.5 in row 0"]),
    "split without train": (raw(split=np.arange(N) % 2 + 1), ["split", "train rows (0)", "found only 1, 2"]),
    "split without test": (raw(split=np.arange(N) % 2), ["split", "test rows (2)", "found only 0, 1"]),
    "dialogue of strings": (raw(dialogue=np.full(N, "d")), ["dialogue", "integers", "<U1"]),
    "speaker of fractions": (raw(speaker=np.arange(N) / 2), ["speaker", "0.5 in row 1"]),
    "two dialogues": (raw(dialogue=np.arange(N) // 50), ["at least 3 dialogues", "found 2"]),
    "no label in train": (
        raw(split=THIRDS, y=with_y((THIRDS == 0, -1))),
        ["train", "found 34 rows, all unlabelled", "66 labelled"],
    ),
    "no label in validation": (raw(split=THIRDS, y=with_y((THIRDS == 1, -1))), ["validation", "33 rows"]),
    "no label in test": (raw(split=THIRDS, y=with_y((THIRDS == 2, -1))), ["test", "33 rows, all unlabelled"]),
    "no row in validation": (
        raw(views={"a": np.ones((4, 2))}, y=np.array([0, 0, 1, 1])),
        ["validation", "found no rows", "4 labelled"],
    ),
    "class absent from train": (
        raw(
            split=THIRDS,
            y=with_y((1, 4), (4, 4), (2, 4), (5, 5)),
            label_names=["w", "x", "y", "z", "sad", "glad"],
        ),
        ["train", "'sad' (rows: 3, 2 in validation and 1 in test)", "'glad' (rows: 1, 1 in test)", "merge"],
    ),
    "too few label names": (raw(label_names=["p", "q"]), ["label_names", "at least 4", "found 2: p, q"]),
    "label names twice": (raw(label_names=["p", "q", "p", "r"]), ["label_names", "more than once: p"]),
}


@pytest.mark.parametrize(("bad", "facts"), BAD.values(), ids=BAD)
def test_bad_data(bad, facts):
    with pytest.raises(InputError) as caught:
        build(bad, seed=0)
    message = str(caught.value)
    assert message.startswith("data 'mine': ") and "\n" not in message
    for fact in facts:
        assert fact in message


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan"), float("inf")])
def test_bad_share(share):
    with pytest.raises(InputError, match=f"labels: expected a share above 0 and up to 1, found {share}"):
        build(raw(), seed=0, labels=share)


def test_bad_seed():
    with pytest.raises(InputError, match="seed: expected 0 or more, found -1"):
        build(raw(), seed=-1)


def test_unobserved_classes_are_dropped():
    data = build(raw(y=with_y() * 2, label_names=list("abcdefghi")), seed=0)
    assert data.label_names == ("a", "c", "e", "g") and data.n_classes == 4
    np.testing.assert_array_equal(data.labels, np.arange(N) % 4)
    assert build(raw(y=with_y() * 5 + 3), seed=0).label_names == ("3", "8", "13", "18")


def test_unlabelled_rows_stay_unlabelled():
    y = with_y((slice(0, 20), -1)) * 2
    y[:20] = -1
    data = build(raw(y=y), seed=0)
    assert np.all(data.labels[:20] == -1) and np.all(data.labels[20:] == np.arange(20, N) % 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float64, bool, ">f4", ">i8"])
def test_views_of_any_number_type(dtype):
    counts = np.random.default_rng(0).integers(2, size=(N, 3000)).astype(dtype)
    data = build(raw(views={"wide": counts}), seed=0)
    assert data.width == 3000
    assert data.matrix().dtype == np.float32 and data.matrix().flags.c_contiguous
    np.testing.assert_array_equal(data.matrix(), counts.astype(np.float32))


def test_uint8_counts_reach_255():
    data = build(raw(views={"a": np.full((N, 1), 255, np.uint8)}), seed=0)
    assert np.all(data.matrix() == 255)


def test_the_data_cannot_be_reached_through_the_source():
    source = np.ones((N, 2), np.float32)
    data = build(raw(views={"a": source}), seed=0)
    source[:] = 5
    assert np.all(data.views["a"] == 1)
    with pytest.raises(FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(("n", "classes"), [(169, 2), (1000, 27), (14_000, 27)])
def test_sizes_and_tiny_classes(n, classes):
    y = np.zeros(n, np.int64)
    y[1 : 3 * classes - 2] = 1 + np.arange(3 * classes - 3) % (classes - 1)
    y[4 * classes :] = 1
    y[-1] = classes
    data = build(raw(views={"a": np.ones((n, 2))}, y=y), seed=0, labels=0.05)
    assert set(data.labels[data.rows(0)]) - {-1} == set(range(classes + 1))
    assert [len(data.rows(part)) for part in (0, 1, 2)] == np.bincount(data.split).tolist()
    assert sum(len(data.rows(part)) for part in (0, 1, 2)) == data.n == n


def same_content():
    yield raw(views={key: value.astype(np.float32).astype(np.float64) for key, value in raw().views.items()})
    yield raw(y=raw().y.astype(np.float64))
    yield raw(terms="some")


def other_content():
    a, b = raw().views.values()
    yield raw(views={"a": a, "c": b})
    yield raw(views={"b": b, "a": a})
    yield raw(views={"a": a, "b": b + with_values((N, 2), (3, 1, 0.01))})
    yield raw(views={"a": np.hstack([a, b])})
    yield raw(y=with_y((0, 1)))
    yield raw(y=with_y() + 1)
    yield raw(split=THIRDS)
    yield raw(split=np.where(THIRDS == 1, 0, THIRDS))
    yield raw(dialogue=np.arange(N) // 5)
    yield raw(speaker=np.arange(N) // 5)


def test_fingerprint_follows_the_content_alone():
    first = build(raw(), seed=0).fingerprint
    assert len(first) == 16 and int(first, 16) >= 0
    for seed in range(3):
        assert build(raw(), seed=seed, labels=1 / (seed + 1)).fingerprint == first
    for same in same_content():
        assert build(same, seed=0).fingerprint == first
    others = [build(other, seed=0).fingerprint for other in other_content()]
    assert len({first, *others}) == len(others) + 1

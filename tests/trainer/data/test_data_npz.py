import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainer.data import load
from trainer.data.sources import npz
from trainer.errors import InputError


def arrays(n=60, **more):
    rng = np.random.default_rng(0)
    views = {"view_a": rng.normal(size=(n, 3)), "view_b": rng.normal(size=(n, 2))}
    return views | {"y": np.arange(n) % 3} | more


@pytest.fixture
def write(tmp_path):
    def write(content, name="mine.npz"):
        np.savez(tmp_path / name, **content)
        return tmp_path / name

    return write


def test_everything_in_the_file_arrives(write):
    n = 60
    content = arrays(
        split=np.repeat(np.arange(20), 3) % 3,
        dialogue=np.repeat(np.arange(20), 3),
        speaker=np.arange(n) % 2,
        label_names=["x", "y", "z"],
    )
    data = load("npz", str(write(content)))
    assert data.name == "mine"
    assert list(data.views) == ["a", "b"] and data.width == 5 and data.n == n
    np.testing.assert_array_equal(data.matrix()[:, 3:], content["view_b"].astype(np.float32))
    np.testing.assert_array_equal(data.labels, content["y"])
    for key in ("split", "dialogue", "speaker"):
        np.testing.assert_array_equal(getattr(data, key), content[key])
    assert data.label_names == ("x", "y", "z") and data.fixed_split and data.terms == ""
    assert (data.labels.dtype, data.split.dtype, data.dialogue.dtype) == (np.int64, np.int8, np.int64)


def test_label_names_may_be_bytes_and_y_float(write):
    names = np.array([b"a", b"b", "\xe9".encode()])
    data = load("npz", str(write(arrays(label_names=names, y=np.arange(60) % 3 * 1.0))))
    assert data.label_names == ("a", "b", "\xe9")
    assert set(data.labels) == {0, 1, 2}


def test_compressed_is_the_same_data(write, tmp_path):
    np.savez_compressed(tmp_path / "small.npz", **arrays())
    small, large = load("npz", str(tmp_path / "small.npz")), load("npz", str(write(arrays())))
    assert small.fingerprint == large.fingerprint


class Trap:
    """Fails the test when unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("the pickle was opened",))


BAD_CONTENT = {
    "object array": (arrays(view_c=np.array([[Trap()]], dtype=object)), ["view_c", "pickled", "refused"]),
    "no view": ({"y": np.arange(3)}, ["view_<name>", "found: y"]),
    "no y": ({"view_a": np.ones((3, 2))}, ["array y", "view_a"]),
    "nothing at all": ({}, ["view_<name>", "found: nothing"]),
    "unknown keys": (
        arrays(Y=np.arange(60), lables=np.arange(60)),
        ["unknown", "Y, lables", "view_<name>, y, split, dialogue, speaker, label_names"],
    ),
    "view without a name": (arrays(view_=np.ones((60, 2))), ["unknown", "view_"]),
    "label_names of numbers": (arrays(label_names=np.arange(3)), ["label_names", "int64"]),
    "label_names not 1-D": (arrays(label_names=[["a", "b", "c"]]), ["label_names", "(1, 3)"]),
    "label_names not UTF-8": (arrays(label_names=[b"\xff", b"b", b"c"]), ["label_names", "UTF-8"]),
}


@pytest.mark.parametrize(("content", "facts"), BAD_CONTENT.values(), ids=BAD_CONTENT)
def test_bad_content(write, content, facts):
    path = write(content)
    with pytest.raises(InputError) as caught:
        npz.read(str(path))
    for fact in [str(path), *facts]:
        assert fact in str(caught.value)


def test_y_as_a_column_is_refused_with_its_shape(write):
    with pytest.raises(InputError, match=r"'mine'.*y: .*\(60, 1\)"):
        load("npz", str(write(arrays(y=np.zeros((60, 1))))))


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "empty file"),
        (b"hello, world", "something else"),
        (b"PK\x03\x04 and then nothing", "truncated or corrupt"),
        (b"\x80\x04K\x01.", "something else"),
        (b"\x93NUMPY\x01\x00v\x00", ".npy"),
    ],
)
def test_bad_bytes(tmp_path, content, fact):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        npz.read(str(path))
    assert str(path) in str(caught.value) and fact in str(caught.value)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.99])
def test_truncated_file(write, share):
    path = write(arrays())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="truncated or corrupt"):
        npz.read(str(path))


def test_damaged_member_is_named(write):
    path = write(arrays())
    damaged = bytearray(path.read_bytes())
    damaged[300] ^= 0xFF  # within the values of view_a, the first member
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="view_a: the array is truncated or corrupt"):
        npz.read(str(path))


def test_no_damage_shows_as_another_error(write):
    path = write(arrays(n=12))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=3):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        # any other exception fails the test; damage in unused bytes of the archive may go unseen
        with contextlib.suppress(InputError):
            npz.read(str(path))


def test_member_that_is_no_array(write):
    path = write(arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("view_c", b"text")
    with pytest.raises(InputError, match="view_c: expected an array"):
        npz.read(str(path))


def test_missing_file_lists_what_is_there(write, tmp_path):
    write(arrays(), "other.npz")
    with pytest.raises(InputError, match=r"there is no such file; .* has: other.npz"):
        npz.read(str(tmp_path / "mine.npz"))
    with pytest.raises(InputError, match=r"nowhere/mine.npz: there is no such file; nor is there a dir"):
        npz.read(str(tmp_path / "nowhere" / "mine.npz"))


def test_directory(tmp_path):
    with pytest.raises(InputError, match="found a directory; .* has: no .npz file"):
        npz.read(str(tmp_path))


def test_no_permission(write, monkeypatch):
    path = write(arrays())

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")  # chmod does not stop root

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="mine.npz: cannot be read: Permission denied"):
        npz.read(str(path))

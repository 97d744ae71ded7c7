"""What the restricted unpickler reads, and that nothing of what it refuses runs."""

import builtins
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from trainer.data import _unpickle
from trainer.errors import InputError

ARRAYS = {
    "float": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "permuted": np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
    "big endian": np.arange(3, dtype=">i2"),
    "text": np.array(["a", "bc"]),
    "bytes": np.array([b"a", b"bc"]),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "scalar": np.float32(2.5),
}
TENSORS = {
    "contiguous": torch.arange(6.0).reshape(2, 3),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "part": torch.arange(10)[3:7],
    "half": torch.ones(2, dtype=torch.float16),
    "brain float": torch.ones(2, dtype=torch.bfloat16),
    "none": torch.zeros(0, 3),
    "single": torch.tensor(3.0),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_tensors_and_containers_of_every_protocol(dump, protocol):
    plain = {"a": [1, 2.5, "é", None, True], "b": (b"\xff\x00", {1, 2}, frozenset("x"), 1j), 3: bytearray(b"z")}
    objects = np.array([{"a": 1}, None], dtype=object)
    found = _unpickle.load(dump({"plain": plain, "arrays": ARRAYS, "tensors": TENSORS, "objects": objects}, protocol))
    assert found["plain"] == plain
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found["arrays"][name], array)
        assert found["arrays"][name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    for name, tensor in TENSORS.items():
        assert isinstance(found["tensors"][name], np.ndarray)
        np.testing.assert_array_equal(found["tensors"][name], tensor.float().numpy())
    assert found["objects"].tolist() == [{"a": 1}, None]


def test_file_of_python_2_and_old_numpy(tmp_path):
    plain = b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"  # the rest of a dtype
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\n"
        b"U\x02f8" + plain + b"\x89U\x10" + np.array([1.5, -2.0]).tobytes() + b"tb"
    )
    scalar = (
        b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02i8" + plain + b"U\x08" + bytes([7, *[0] * 7]) + b"\x86R"
    )
    sets = b"c__builtin__\nset\n](K\x01K\x02e\x85R"
    (tmp_path / "old.pkl").write_bytes(b"\x80\x02(U\x04caf\xe9" + array + scalar + sets + b"t.")
    text, found, number, ids = _unpickle.load(str(tmp_path / "old.pkl"))
    assert (text, number, ids) == ("café", 7, {1, 2})
    assert found.tolist() == [1.5, -2.0]


@pytest.mark.parametrize("package", ["cogmen", "joyful"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_samples_become_holders_without_their_module(dump, sample_class, monkeypatch, package, protocol):
    path = dump([sample_class(package)(vid="a", label=[1])], protocol)
    monkeypatch.delitem(sys.modules, f"{package}.Sample")
    (sample,) = _unpickle.load(path)
    assert _unpickle.is_sample(sample) and vars(sample) == {"vid": "a", "label": [1]}


def test_what_a_pickle_spoils_does_not_outlive_it(tmp_path, dump, sample_class):
    """A pickle can set attributes on a Python class that it may name: the next file gets another class."""
    good = dump([sample_class("cogmen")(vid="a")])
    spoil = b"\x80\x02ccogmen.Sample\nSample\n(N}X\x05\x00\x00\x00labelK\x07stb."
    (tmp_path / "spoil.pkl").write_bytes(spoil)
    assert _unpickle.load(str(tmp_path / "spoil.pkl")).label == 7
    assert not hasattr(_unpickle.load(good)[0], "label")


class Calls:
    """Pickled, it calls `function` where it is loaded."""

    def __init__(self, function, *given):
        self.call = function, given

    def __reduce__(self):
        return self.call


def attacks(marker):
    code = f"open({str(marker)!r}, 'w').close()"
    return {
        "posix.system": Calls(os.system, f"touch {marker}"),
        "subprocess.Popen": Calls(subprocess.Popen, ["touch", str(marker)]),
        "builtins.eval": Calls(eval, code),
        "builtins.exec": Calls(exec, code),
        "builtins.getattr": Calls(getattr, "text", "upper"),
        "builtins.__import__": Calls(builtins.__import__, "os"),
        "numpy.load": Calls(np.load, str(marker)),
        "torch.serialization.load": Calls(torch.load, str(marker)),
        "pathlib.Path.touch": None,
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", list(attacks("")))
def test_what_could_run_code_is_refused_by_name_and_does_not_run(tmp_path, dump, name, protocol):
    marker = tmp_path / "ran"
    attack = attacks(marker)[name]
    if attack is None:  # a dotted name, as protocol 4 has them
        path = tmp_path / "dotted.pkl"
        path.write_bytes(b"\x80\x04\x8c\x07pathlib\x8c\nPath.touch\x93.")
    else:
        path = dump({"views": [np.ones(2), attack]}, protocol)
    old = name.replace("builtins.", "__builtin__.").replace("subprocess.", "commands.")  # as Python 2 calls them
    with pytest.raises(InputError, match=f"names ({name}|{old}), which is refused"):
        _unpickle.load(str(path))
    assert not marker.exists()


def test_code_within_a_tensor_does_not_run(tmp_path, dump):
    """torch's storages hold a pickle of their own, which pickle.load would run."""
    import io

    marker, inner = tmp_path / "ran", io.BytesIO()
    torch.save(Calls(os.system, f"touch {marker}"), inner, _use_new_zipfile_serialization=False)
    path = dump(Calls(torch.storage._load_from_bytes, inner.getvalue()))
    with pytest.raises(InputError, match="corrupt"):
        _unpickle.load(path)
    assert not marker.exists()


def dtype(code, flags=0):
    """Opcodes for a numpy dtype with flags of the file's choosing."""
    return b"cnumpy\ndtype\n(X%b%b\x89\x88tR(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK%ctb" % (
        len(code).to_bytes(4, "little"),
        code,
        flags,
    )


FORGED = {
    "objects from bytes": (
        b"\x80\x02cnumpy._core.numeric\n_frombuffer\n(C\x08AAAAAAAA" + dtype(b"O8") + b"K\x01\x85X\x01\x00\x00\x00CtR.",
        "corrupt",
    ),
    "an array of objects from bytes": (
        b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00btR"
        b"(K\x01K\x01\x85" + dtype(b"O8") + b"\x89C\x08AAAAAAAAtb.",
        "corrupt",
    ),
    "a record": (
        b"\x80\x02cnumpy._core.multiarray\nscalar\n(" + dtype(b"V8") + b"C\x08AAAAAAAAtR.",
        "numpy dtype 'V8'",
    ),
    "another codec": (b"\x80\x02c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.", "corrupt"),
    "storage outside": (b"\x80\x02U\x01aQ.", "torch.save"),
    "nothing": (b"", "empty file"),
    "no pickle": (b"hello world\n" * 9, "not a pickle"),
    "more than there is": (b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"abc", "memory|truncated"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_and_damaged_files(tmp_path, name):
    content, words = FORGED[name]
    (tmp_path / "forged.pkl").write_bytes(content)
    with pytest.raises(InputError, match=words):
        _unpickle.load(str(tmp_path / "forged.pkl"))


def test_every_cut_of_a_file_is_one_message(tmp_path):
    whole = pickle.dumps({"a": np.arange(5), "b": ["text", 1.5], "c": torch.ones(2)})
    for end in range(1, len(whole) - 1, 3):
        (tmp_path / "cut.pkl").write_bytes(whole[:end])
        with pytest.raises(InputError, match="truncated|corrupt"):
            _unpickle.load(str(tmp_path / "cut.pkl"))


def test_a_tensor_cannot_reach_beyond_its_storage(dump):
    rebuild, given = torch.ones(4).__reduce_ex__(2)
    forged = (given[0], 0, (1000,), (1,), *given[4:])
    with pytest.raises(InputError, match="beyond its storage"):
        _unpickle.load(dump(Calls(rebuild, *forged)))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        _unpickle.load(str(tmp_path / "none.pkl"))
    with pytest.raises(InputError, match="cannot be read"):
        _unpickle.load(str(tmp_path))

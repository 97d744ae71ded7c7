import importlib.util
import inspect
import subprocess
import sys

import numpy as np
import pytest

from trainer import registry
from trainer.data import SOURCES, Dataset, load
from trainer.data.sources import htad
from trainer.errors import InputError

installed = pytest.mark.skipif(
    importlib.util.find_spec(htad.PACKAGE) is None, reason=f"the package {htad.PACKAGE} is not installed"
)


@installed
def test_htad():
    data = load("htad", seed=1)
    assert isinstance(data, Dataset)
    shapes = {name: view.shape for name, view in data.views.items()}
    assert shapes == {"audio": (1386, 36), "accelerometer": (1386, 16)}
    assert data.label_names == (
        "brush_teeth", "eat_chips", "mop_floor", "sweep", "type_on_keyboard", "wash_hands", "watch_tv",
    )  # fmt: skip
    assert np.bincount(data.labels).tolist() == [180, 282, 181, 178, 179, 180, 206]
    assert data.matrix()[0, 0] == np.float32(120.0788862) and data.label_names[data.labels[0]] == "watch_tv"
    np.testing.assert_allclose(np.bincount(data.split) / data.n, [0.6, 0.2, 0.2], atol=0.005)
    assert not data.fixed_split and data.dialogue is None and data.speaker is None
    assert "commercial purposes need prior written permission" in data.terms
    assert "978-3-030-67835-7_17" in data.terms


@installed
def test_seeds_change_the_split_and_not_the_fingerprint():
    one, again, two = load("htad", seed=1), load("htad", seed=1), load("htad", seed=2, labels=0.1)
    np.testing.assert_array_equal(one.split, again.split)
    assert np.any(one.split != two.split)
    assert one.fingerprint == again.fingerprint == two.fingerprint and len(one.fingerprint) == 16
    assert np.sum(two.labels[two.rows(0)] >= 0) == pytest.approx(0.1 * len(two.rows(0)), abs=7)


@installed
def test_reading_imports_neither_the_package_nor_heavy_libraries():
    code = "import sys; from trainer.data import load; load('htad'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {htad.PACKAGE, "sklearn", "pandas", "torch"} & set(done.stdout.split())


def test_package_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match="not installed: pip install multiviewstacking"):
        htad.read()


def test_package_without_the_file(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_loader(htad.PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(InputError, match=r"expected the file .*htad\.csv"):
        htad.read()


@pytest.mark.parametrize("name", registry.names(SOURCES))
def test_every_source_has_read_and_a_docstring(name):
    module = registry.load(SOURCES, name, "data source")
    assert module.__doc__ and module.read.__doc__
    assert set(inspect.signature(module.read).parameters) <= {"path"}


def test_sources_are_the_source_files():
    assert {"htad", "npz"} <= set(registry.names(SOURCES))
    assert registry.names("trainer.data") == ["dataset", "sources", "splits", "standardise"]


def test_listing_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "thingies").mkdir()
    for name in ("__init__", "_private", "broken", "also"):
        (tmp_path / "thingies" / f"{name}.py").write_text("" if name == "__init__" else "raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.names("thingies") == ["also", "broken"]
    with pytest.raises(RuntimeError):  # a fault inside a module is not dressed up as a user's mistake
        registry.load("thingies", "broken", "thingy")
    with pytest.raises(InputError, match="unknown thingy '_private'"):
        registry.load("thingies", "_private", "thingy")
    with pytest.raises(ModuleNotFoundError):
        registry.names("no_such_package_here")


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        (lambda: load("hatd"), ["unknown data source 'hatd'", "Did you mean htad?", "There are: ", "npz"]),
        (lambda: load("os.path"), ["unknown data source 'os.path'", "There are: "]),
        (lambda: load("npz"), ["'npz'", "expected its path", "found none"]),
        (lambda: load("htad", "a.npz"), ["'htad'", "expected no path", "found 'a.npz'"]),
    ],
)
def test_wrong_source_or_path(call, facts):
    with pytest.raises(InputError) as caught:
        call()
    for fact in facts:
        assert fact in str(caught.value)

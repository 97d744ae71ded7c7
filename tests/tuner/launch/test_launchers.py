"""What holds for every launcher, the moment its file exists."""

import inspect
import subprocess
import sys

import pytest

from trainer.registry import load, names
from tuner.errors import InputError
from tuner.launch import _base
from tuner.launch._base import PACKAGE, Setting, Workers
from tuner.system.place import Place

LAUNCHERS = names(PACKAGE)
HEAVY = ("ray", "submitit", "kubernetes", "torch", "optuna", "mlflow")


def say(text):
    pass


@pytest.fixture
def place(tmp_path):
    url = "postgresql+psycopg://me:s3cret@db/optuna"
    return Place.at(tmp_path, url, url)


def test_there_are():
    assert {"local", "slurm", "ray", "k8s"} <= set(LAUNCHERS)
    for name in LAUNCHERS:
        assert callable(getattr(load(PACKAGE, name, "launcher"), "launch", None)), (
            f"{name} is listed and is no launcher"
        )


@pytest.mark.parametrize("where", LAUNCHERS)
def test_contract(where):
    module = load(PACKAGE, where, "launcher")
    assert module.__doc__
    assert list(inspect.signature(module.launch).parameters) == ["workers", "say"]
    for key, setting in module.SETTINGS.items():
        assert key.isidentifier() and isinstance(setting, Setting) and setting.help and key != "help"


@pytest.mark.parametrize("where", LAUNCHERS)
def test_what_it_needs_is_imported_only_when_it_is_used(where):
    code = f"import sys, {PACKAGE}.{where}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("where", LAUNCHERS)
def test_wrong_settings_say_which_exist(where, place):
    with pytest.raises(InputError, match=f"unknown setting of {where} 'nope'. There are: "):
        _base.launch(where, place, "tiny", given=["nope=1"], say=say)
    with pytest.raises(InputError, match="KEY=VALUE; found 'nope'"):
        _base.launch(where, place, "tiny", given=["nope"], say=say)


@pytest.mark.parametrize("where", LAUNCHERS)
def test_help_lists_the_settings(where, place):
    said = []
    _base.launch(where, place, None, given=["help"], say=said.append)
    known = load(PACKAGE, where, "launcher").SETTINGS
    assert all(f"{key}={setting.default}" in said[0] and setting.help in said[0] for key, setting in known.items())


@pytest.mark.parametrize("where", LAUNCHERS)
def test_a_device_that_only_one_machine_has_is_refused(where, place):
    with pytest.raises(InputError, match="auto, cpu or cuda"):
        _base.launch(where, place, "tiny", device="cuda:1", say=say)


def test_an_unknown_launcher(cli, tmp_path):
    done = cli("launch", "slrum", "tiny", "--state", tmp_path)
    assert done.returncode == 2
    assert f"unknown launcher 'slrum'. Did you mean slurm? There are: {', '.join(LAUNCHERS)}" in done.stderr


def test_a_missing_package_is_named_with_the_command(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"\(ray\): pip install 'loss-weight-tuner\[ray\]'"):
        _base.launch("ray", place, "tiny", say=say)


@pytest.mark.parametrize("where", ["ray", "slurm"])
def test_other_machines_need_a_shared_storage(where, tmp_path, place):
    sqlite = Place.at(tmp_path)
    with pytest.raises(InputError, match="--storage that they reach.*sqlite:///"):
        _base.launch(where, sqlite, "tiny", say=say)
    with pytest.raises(InputError, match="--tracking-uri that they reach.*sqlite:///"):
        _base.launch(where, Place(tmp_path, place.storage, sqlite.tracking), "tiny", say=say)


def test_no_password_among_the_arguments(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another-one")
    monkeypatch.setenv("TUNER_ALIVE_FILE", "/one/of/this/machine")
    workers = Workers("tiny", place, 2, "cpu", {})
    assert "s3cret" not in " ".join(workers.arguments())
    assert workers.environment() == {
        "TUNER_STORAGE": place.storage,
        "TUNER_TRACKING_URI": place.tracking,
        "MLFLOW_TRACKING_PASSWORD": "another-one",
    }


@pytest.mark.parametrize("name", ["tiny", "Tiny", "my study (2)", "my-study-2", "损失", "a" * 180, "x--y", None])
def test_names_that_clusters_take(name, place):
    slug = Workers(name, place, 1, "cpu", {}).slug
    assert 0 < len(slug) <= 50
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and slug.strip("-") == slug


def test_two_names_never_share_one(place):
    every = ["tiny", "Tiny", "my study (2)", "my-study-2", "损失", "权重", "a" * 180, "a" * 179, "x--y", "x-y"]
    assert len({Workers(name, place, 1, "cpu", {}).slug for name in every}) == len(every)


@pytest.mark.parametrize(("given", "mebibytes"), [("8G", 8192), ("500M", 500), ("", None)])
def test_memory(given, mebibytes, place):
    assert Workers("tiny", place, 1, "cpu", {"memory": given}).memory == mebibytes


@pytest.mark.parametrize("given", ["8", "8GB", "-1G", "0G", "1.5G", "viel"])
def test_wrong_memory(given, place):
    with pytest.raises(InputError, match="such as 8G; found"):
        _ = Workers("tiny", place, 1, "cpu", {"memory": given}).memory


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "", "zwei"])
def test_wrong_cpus(given, place):
    with pytest.raises(InputError, match="whole number of CPU cores"):
        _ = Workers("tiny", place, 1, "cpu", {"cpus": given}).cpus

"""`tuner doctor`: says what is well, what is not, and what to do; changes nothing."""

import json
import shutil
from collections import namedtuple
from importlib import metadata

import pytest

from tuner.run import doctor
from tuner.system.place import Place

Usage = namedtuple("Usage", "total used free")


def by_subject(findings):
    return {f.about: f for f in findings}


def test_all_is_well_here(finished_study, cli):
    done = cli("doctor", "--state", finished_study.state, "--json")
    assert done.returncode == 0, done.stdout
    found = {f["about"]: f for f in json.loads(done.stdout)}
    assert list(found) == [
        "python",
        "packages",
        "names",
        "device",
        "training",
        "state",
        "storage",
        "mlflow",
        "telemetry",
    ]
    assert {f["level"] for f in found.values()} <= {"ok", "warning"}
    assert "torch 2.13" in found["packages"]["text"]
    assert "1 studies" in found["storage"]["text"]


def test_nothing_is_made_by_looking(tmp_path):
    found = by_subject(doctor.examine(Place.at(tmp_path / "new")))
    assert not (tmp_path / "new").exists()
    assert "made at the first start" in found["state"].text
    assert "made at the first start" in found["storage"].text
    assert "made at the first start" in found["mlflow"].text


def test_what_is_broken_is_said_with_what_to_do(cli, tmp_path):
    plain = tmp_path / "file"
    plain.write_text("")
    done = cli("doctor", "--state", plain / "state", "--device", "cuda:7", "--tracking-uri", "http://127.0.0.1:9")
    assert done.returncode == 1
    broken = [line for line in done.stdout.splitlines() if line.startswith("broken")]
    assert {line.split()[1] for line in broken} == {"device", "state", "mlflow"}
    assert "mend: choose another folder: --state DIR" in done.stdout
    assert "3 broken" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_wrong_and_missing_packages(monkeypatch):
    real = metadata.version

    def version(name):
        if name == "safetensors":
            raise metadata.PackageNotFoundError(name)
        return "2.0.0" if name == "mlflow" else real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    found = list(doctor._packages())
    assert [f.level for f in found] == ["broken", "broken"]
    assert "mlflow" in found[0].text and "2.0.0 is installed" in found[0].text
    assert "pip install 'mlflow" in found[0].mend
    assert "safetensors" in found[1].text and "is not installed" in found[1].text


@pytest.mark.parametrize(("free", "level"), [(10 * 2**30, "ok"), (2**30, "warning"), (2**20, "broken")])
def test_free_disk(tmp_path, monkeypatch, free, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, free))
    (found,) = list(doctor._state(Place.at(tmp_path)))
    assert found.level == level
    assert bool(found.mend) == (level != "ok")


def test_sqlite_on_a_network_file_system(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_file_system", lambda path: "nfs4")
    assert [f.level for f in doctor._state(Place.at(tmp_path))] == ["ok", "warning"]
    elsewhere = Place.at(tmp_path, "postgresql+psycopg://tuner@db/optuna")
    assert [f.level for f in doctor._state(elsewhere)] == ["ok"]


def test_file_system_of_a_path(tmp_path):
    assert doctor._file_system(tmp_path) not in ("", "proc")


def test_a_check_that_breaks_keeps_no_other_from_being_made(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_training", lambda: 1 / 0)
    found = by_subject(doctor.examine(Place.at(tmp_path)))
    assert found["training"].level == "broken" and "ZeroDivisionError" in found["training"].text
    assert found["telemetry"].level == "ok"


def test_a_database_of_something_else_is_broken(tmp_path):
    (tmp_path / "optuna.db").write_text("not a database, but long enough to be read as one" * 10)
    found = by_subject(doctor.examine(Place.at(tmp_path)))
    assert found["storage"].level == "broken"

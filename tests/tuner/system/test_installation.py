"""Packages of others with our names."""

import subprocess
import sys

import pytest

from tuner.system import installation


@pytest.fixture
def rival(tmp_path):
    """A folder as if `pip install trainer` had put another package there."""
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").write_text("class Trainer: pass\n")
    record = tmp_path / "trainer-0.0.5.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: trainer\nVersion: 0.0.5\n")
    (record / "top_level.txt").write_text("trainer\n")
    (record / "RECORD").write_text("trainer/__init__.py,,\n")
    return tmp_path


def test_nothing_is_wrong_here():
    assert installation.rivals() == {} and installation.foreign() is None


def test_start_up_says_that_the_trainer_is_another_one(rival):
    code = f"import sys; sys.path.insert(0, {str(rival)!r}); from tuner.__main__ import main; main(['list'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: the module `trainer` is another one than the tuner's (of the package")
    assert "pip uninstall trainer; " in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_doctor_names_the_other_package(rival, monkeypatch):
    from tuner.run.doctor import _names

    monkeypatch.syspath_prepend(str(rival))
    (finding,) = _names()
    assert finding.level == "broken" and "`trainer` belong to trainer too" in finding.text
    assert "pip uninstall trainer; " in finding.mend

import pytest

from tuner.errors import InputError
from tuner.init import examples
from tuner.spec import file as study_file


def test_examples_are_copied_and_can_be_started(tmp_path):
    written = examples.copy(tmp_path / "new" / "folder")
    names = {path.name for path in written}
    assert {"joyful_style.py", "joyful_style.yaml", "misa.py", "notebook.ipynb", "quickstart.yaml"} <= names
    assert all(path.read_bytes() for path in written)
    assert study_file.load(str(tmp_path / "new" / "folder" / "joyful_style.yaml")).command


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "misa.py").write_text("mine")
    with pytest.raises(InputError, match=r"misa.py exists already; name another folder"):
        examples.copy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["misa.py"]


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        examples.copy(tmp_path / "file" / "below")


def test_installed_beside_no_source_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "__file__", str(tmp_path / "site" / "tuner" / "init" / "examples.py"))
    monkeypatch.setattr(examples.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(InputError, match="the examples are not installed"):
        examples.source()
    folder = tmp_path / examples.INSTALLED
    folder.mkdir(parents=True)
    (folder / "joyful_style.yaml").write_text("")
    assert examples.source() == folder

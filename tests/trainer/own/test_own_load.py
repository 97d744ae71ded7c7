"""The user's Python file: found, imported once, and told about in its own lines."""

import sys

import pytest

from trainer.errors import InputError, UserCodeError
from trainer.own.load import model_class
from trainer.own_config import OwnModel

CLASS = "from torch import nn\nclass M(nn.Module):\n    pass\n"


@pytest.fixture
def write(tmp_path):
    def make(name, text):
        (tmp_path / name).write_text(text)
        return OwnModel(file=f"{tmp_path / name}:M")

    return make


def test_the_class_is_loaded_once(write, tmp_path):
    model = write("counted.py", "import helper_of_counted as h\nh.count += 1\n" + CLASS)
    (tmp_path / "helper_of_counted.py").write_text("count = 0\n")
    assert model_class(model) is model_class(model)
    assert sys.modules["helper_of_counted"].count == 1, "a file beside it can be imported"


def test_a_missing_file_and_a_missing_class(write, tmp_path):
    with pytest.raises(InputError, match="model: the file .*nowhere.py does not exist"):
        model_class(OwnModel(file=str(tmp_path / "nowhere.py:M")))
    write("classes.py", CLASS)
    with pytest.raises(InputError, match="unknown class in .*classes.py 'N'.* There are: M"):
        model_class(OwnModel(file=str(tmp_path / "classes.py:N")))
    write("function.py", "def M():\n    pass\n")
    with pytest.raises(InputError, match="expected M in .*function.py to be a class derived from torch.nn.Module"):
        model_class(OwnModel(file=str(tmp_path / "function.py:M")))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("x = 1\nimport not_there_at_all\n", 'bad.py", line 2, in <module>', "No module named 'not_there_at_all'"),
        ("def f():\n    return nothing\nf()\n", 'bad.py", line 3, in <module>', "name 'nothing' is not defined"),
        ("class M(:\n", 'bad.py", line 1', "invalid syntax"),
        ("raise SystemExit(3)\n", 'bad.py", line 1, in <module>', "SystemExit: 3"),
    ],
)
def test_an_import_error_shows_the_users_traceback_and_only_that(write, text, first, last):
    with pytest.raises(UserCodeError) as error:
        model_class(write("bad.py", text))
    said = str(error.value)
    head, *lines = said.splitlines()
    assert head.endswith("bad.py cannot be imported:")
    shown = [line for line in lines if line.lstrip().startswith("File ")]
    assert first in shown[0] and last in lines[-1]
    assert "importlib" not in said and "trainer" not in said.replace(str(write("bad.py", text).path), "")
    assert error.value.__suppress_context__


def test_a_file_beside_it_that_fails_is_in_the_traceback_too(write, tmp_path):
    (tmp_path / "helper_that_fails.py").write_text("1 / 0\n")
    with pytest.raises(UserCodeError, match=r'(?s)user.py", line 1.*helper_that_fails.py", line 1.*ZeroDivisionError'):
        model_class(write("user.py", "import helper_that_fails\n"))

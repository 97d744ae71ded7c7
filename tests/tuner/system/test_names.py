"""Names become files: nothing is written outside the state folder."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.errors import InputError
from tuner.storage import opening
from tuner.study.study import open_study
from tuner.system import names
from tuner.validation import blocks

BAD = ["", "../evil", "a/b", "/abs", "a\\b", "..", "a..b", ".hidden", "-flag", "tab\t", "line\nbreak", "nul\0", "end.",
       "end ", "[red]x", "a;b", "$(x)", "x" * 181, "名" * 61, "\ud800"]  # fmt: skip


@pytest.mark.parametrize("name", ["quickstart", "a", "my study (2)", "损失权重", "run_1.5-b", "validate-tiny-0a1b2c3d"])
def test_good_names(name):
    assert names.check(name) == name


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name):
    with pytest.raises(InputError, match="name of a study"):
        names.check(name)


@given(st.text(max_size=40))
def test_what_passes_is_one_file_name(text):
    try:
        names.check(text)
    except InputError:
        return
    assert text not in (".", "..") and not set(text) & set("/\\\0\n") and text == text.strip()


def test_inside_follows_links(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "link").symlink_to(tmp_path)
    assert names.inside(state, "artifacts", "x") == (state / "artifacts" / "x").resolve()
    for parts in [("..", "x"), ("link", "x"), ("/etc",), (".",), ("a", "..", "..", "b")]:
        with pytest.raises(InputError, match="outside"):
            names.inside(state, *parts)


@pytest.mark.parametrize("name", ["../evil", "a/b"])
def test_start_refuses_a_name_that_leaves_the_folder(cli, tmp_path, tiny, name):
    done = cli("start", tiny, "--name", name, "--state", tmp_path / "deep" / "state")
    assert done.returncode == 2, done.stderr
    assert "name of a study" in done.stderr and "--name" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_from_another_host_is_refused(make_place):
    """Whoever writes to the storage could choose the files that a worker writes."""
    place = make_place()
    optuna.create_study(study_name="../evil", storage=opening.open_storage(place.storage))
    with pytest.raises(InputError, match="name of a study"):
        open_study(place, "../evil")
    with pytest.raises(InputError, match="name of a study"):
        blocks.open_validation(place, "../evil")

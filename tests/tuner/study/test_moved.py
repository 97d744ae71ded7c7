"""A state folder or a whole project that is moved or copied goes on where it is, and leaves the old place alone."""

import dataclasses
import shutil
import sqlite3

import pytest

from tuner.errors import InputError
from tuner.run.options import StartOptions
from tuner.run.start import make_or_resume
from tuner.spec import places
from tuner.storage import opening
from tuner.study.study import open_study
from tuner.system.place import Place, sqlite_file, sqlite_url
from tuner.tracking import homes
from tuner.tracking.client import Tracker

SCRIPT = """\
command: "{python} s.py {w}"
objective: val/f1
direction: maximize
training: {epochs: 2}
search: {trials: 2, replicates: 0}
knobs: {w: {low: 0.0, high: 1.0}}
baseline: {w: 0.5}
"""


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b", "100%", "a b", "ü"])
def test_a_state_folder_of_any_name_holds_its_databases(tmp_path, databases, name):
    shutil.copytree(databases, tmp_path / "a b")
    shutil.copytree(databases, tmp_path / name, dirs_exist_ok=True)
    other, place = Place.at(tmp_path / "a b"), Place.at(tmp_path / name)
    if name != "a b":
        opening.open_storage(other.storage).create_new_study([opening.optuna.study.StudyDirection.MINIMIZE], "other")
    opened = opening.open_storage(place.storage)
    assert opening.study_names(opened) == []
    opened.create_new_study([opening.optuna.study.StudyDirection.MINIMIZE], "mine")
    tracker = Tracker(place.tracking, place.state)
    runs = tracker.study("mine", {}, {})
    (tmp_path / "file.txt").write_text("x")
    tracker.artifact(runs.run_id, tmp_path / "file.txt")
    (written,) = place.state.rglob("file.txt")
    assert place.made and place.embeds_tracking
    assert written.relative_to(place.state).parts[:2] == ("artifacts", "mine")
    assert [a.path for a in tracker.client.list_artifacts(runs.run_id)] == ["file.txt"]
    assert {p.name for p in tmp_path.iterdir()} == {"a b", name, "file.txt"}


def test_the_url_of_a_file_names_that_file(tmp_path):
    for name in ("a%20b.db", "a?b#c.db", "%41.db"):
        assert sqlite_file(sqlite_url(tmp_path / name)) == tmp_path / name
    assert sqlite_file("postgresql://h/d") is None
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:///"):
        with pytest.raises(InputError, match="--storage: expected the URL of a file, sqlite:///PATH"):
            Place.at(tmp_path, url)


@pytest.mark.parametrize("copied", [False, True], ids=["moved", "copied"])
def test_artifacts_follow_a_state_folder(tmp_path, make_place, copied):
    old = make_place("old")
    runs = Tracker(old.tracking, old.state).study("a study", {}, {})
    (tmp_path / "one.txt").write_text("1")
    Tracker(old.tracking, old.state).artifact(runs.run_id, tmp_path / "one.txt", "folder")
    (shutil.copytree if copied else shutil.move)(old.state, tmp_path / "new")
    before = files(old.state) if copied else {}
    new = Place.at(tmp_path / "new")
    tracker = Tracker(new.tracking, new.state)
    (tmp_path / "two.txt").write_text("2")
    tracker.artifact(runs.run_id, tmp_path / "two.txt")
    assert [a.path for a in tracker.client.list_artifacts(runs.run_id)] == ["folder", "two.txt"]
    assert len(list(new.state.rglob("*.txt"))) == 2
    later = tracker.start_trial(runs, "#1", {}, {"trial": "1"})
    tracker.artifact(later, tmp_path / "one.txt")
    assert len(list(new.state.rglob("*.txt"))) == 3
    assert (files(old.state) if old.state.exists() else {}) == before


def test_a_folder_that_is_seen_under_two_paths_takes_what_each_of_them_writes(tmp_path, make_place):
    """A container and its host: whoever opened the database last has its own path in it."""
    place = make_place()
    tracker = Tracker(place.tracking, place.state)
    runs = tracker.study("s", {}, {})
    with homes.create_engine(place.tracking).begin() as connection:
        old = homes.experiment(place.state, "s")
        homes._correct(connection, int(runs.experiment_id), old, (tmp_path / "elsewhere/artifacts/s").as_uri())
    (tmp_path / "one.txt").write_text("1")
    tracker.artifact(runs.run_id, tmp_path / "one.txt")
    assert len(list(place.state.rglob("one.txt"))) == 1
    assert not (tmp_path / "elsewhere").exists()


def test_another_database_keeps_its_places_while_they_are_there(tmp_path, make_place):
    place = make_place()
    tracker = Tracker(place.tracking, place.state)
    runs = tracker.study("s", {}, {})
    (tmp_path / "one.txt").write_text("1")
    tracker.artifact(runs.run_id, tmp_path / "one.txt")
    outside = sqlite_url(tmp_path / "mlflow.db")
    with sqlite3.connect(place.state / "mlflow.db") as one, sqlite3.connect(tmp_path / "mlflow.db") as other:
        one.backup(other)
    one.close()
    other.close()
    tracker = Tracker(outside, place.state)
    shutil.copytree(place.state, tmp_path / "copy")
    uri = lambda: tracker.client.get_run(runs.run_id).info.artifact_uri  # noqa: E731
    tracker = Tracker(outside, tmp_path / "copy")
    assert "/copy/" not in uri()
    shutil.rmtree(place.state)
    tracker = Tracker(outside, tmp_path / "copy")
    assert "/copy/" in uri()


def script_project(folder):
    folder.mkdir()
    (folder / "s.py").write_text("print(1)")
    (folder / "s.yaml").write_text(SCRIPT)
    return folder


@pytest.mark.parametrize("copied", [False, True], ids=["renamed", "copied"])
def test_a_project_goes_on_under_another_name(tmp_path, databases, copied):
    project = script_project(tmp_path / "project")
    shutil.copytree(databases, project / "mlruns")
    make_or_resume(Place.at(project / "mlruns"), StartOptions(study=str(project / "s.yaml")))
    (shutil.copytree if copied else shutil.move)(project, tmp_path / "new")
    place = Place.at(tmp_path / "new" / "mlruns")
    for study, name in ((str(tmp_path / "new" / "s.yaml"), None), (None, "s")):
        study = make_or_resume(place, StartOptions(study=study, name=name, trials=3))
        assert study.spec.script.directory == str(tmp_path / "new")
        assert open_study(place, "s").n_trials == 3


def test_a_project_beside_its_state_follows_the_study_file_and_the_flag(tmp_path, make_place):
    project = script_project(tmp_path / "project")
    place = make_place("state")
    make_or_resume(place, StartOptions(study=str(project / "s.yaml")))
    shutil.move(project, tmp_path / "new")
    told = dataclasses.replace(place, project=tmp_path / "new")
    assert open_study(told, "s").spec.script.directory == str(tmp_path / "new")
    assert open_study(place, "s").spec.script.directory == str(project)
    make_or_resume(place, StartOptions(study=str(tmp_path / "new" / "s.yaml")))
    assert open_study(place, "s").spec.script.directory == str(tmp_path / "new")  # for workers, who get no file
    # A copy whose script is another one is another study, as long as the original is there.
    shutil.copytree(tmp_path / "new", tmp_path / "changed")
    (tmp_path / "changed" / "s.py").write_text("print(2)")
    with pytest.raises(InputError, match="script.directory"):
        make_or_resume(place, StartOptions(study=str(tmp_path / "changed" / "s.yaml")))


def test_data_is_known_by_its_content(tmp_path, tiny, make_place):
    folder = tmp_path / "project"
    shutil.copytree(tiny.parent, folder)
    place = make_place("state")
    made = make_or_resume(place, StartOptions(study=str(folder / "tiny.yaml")))
    known = made.optuna.user_attrs["data_fingerprint"]
    shutil.move(folder / "tiny.npz", tmp_path / "elsewhere.npz")
    found = make_or_resume(place, StartOptions(name="tiny", data=str(tmp_path / "elsewhere.npz")))
    assert found.spec.data.path == str(tmp_path / "elsewhere.npz")
    assert open_study(place, "tiny").data().fingerprint == known
    shutil.move(tmp_path / "elsewhere.npz", folder / "tiny.npz")
    assert make_or_resume(place, StartOptions(study=str(folder / "tiny.yaml"))).spec.data.path == str(
        folder / "tiny.npz"
    )


def test_a_state_folder_alone_does_not_take_strange_files(tmp_path, databases):
    """Each folder has a parent: what lies there is the project only where the files of the study are in it."""
    project = script_project(tmp_path / "project")
    shutil.copytree(databases, project / "mlruns")
    make_or_resume(Place.at(project / "mlruns"), StartOptions(study=str(project / "s.yaml")))
    (tmp_path / "other").mkdir()
    shutil.copytree(project / "mlruns", tmp_path / "other" / "mlruns")
    assert open_study(Place.at(tmp_path / "other" / "mlruns"), "s").spec.script.directory == str(project)


def test_the_plan_of_a_validation_is_the_same_elsewhere(make_study, tmp_path):
    spec = make_study().spec
    moved = places.with_paths(spec, {places.DATA: tmp_path / "elsewhere" / "tiny.npz"})
    assert places.bare(moved) == places.bare(spec) and moved != spec

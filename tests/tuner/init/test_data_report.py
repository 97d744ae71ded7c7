"""`tuner data`: what a file holds, planted faults that must be found, sound data where none may be, conversion."""

import json

import numpy as np
import pytest

from trainer.data import Raw, build, load, read, source_of
from trainer.data.sources import npz
from tuner.errors import InputError
from tuner.init import data_report
from tuner.init.probe import balanced_accuracy, probe


def raw(n=600, seed=0, **changes):
    """Two views that carry the labels alike everywhere; dialogues of ten rows; a fixed split."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    centres = rng.normal(size=(3, 8))
    x = centres[y] + rng.normal(size=(n, 8))
    dialogue = np.arange(n) // 10
    split = np.array([0, 0, 0, 1, 2])[dialogue % 5]
    given = {"views": {"a": x[:, :5], "b": x[:, 5:]}, "y": y, "split": split, "dialogue": dialogue}
    return Raw("mine", **given | {"label_names": ["x", "y", "z"]} | changes)


@pytest.fixture
def found(tmp_path):
    """The problems in `raw`, by kind."""

    def find(given):
        npz.write(given, tmp_path / "mine.npz")
        report = data_report.report(str(tmp_path / "mine.npz"))
        return {problem["kind"]: problem for problem in report["problems"]}

    return find


def test_sound_data_has_no_problem(found):
    assert found(raw()) == {}


def test_what_the_file_holds(tmp_path):
    npz.write(raw(speaker=np.arange(600) % 4, terms="Ask first."), tmp_path / "mine.npz")
    report = data_report.report(str(tmp_path / "mine.npz"))
    assert json.loads(json.dumps(report)) == report
    assert (report["source"], report["name"], report["rows"]) == ("npz", "mine", 600)
    assert report["views"] == {"a": 5, "b": 3}
    assert report["splits"] == {"train": 360, "validation": 120, "test": 120}
    assert report["split_given"] == ["train", "validation", "test"]
    assert report["dialogues"] == {"count": 60, "shortest": 10, "median": 10.0, "longest": 10}
    assert report["speakers"] == 4 and report["unlabelled"] == 0 and report["terms"] == "Ask first."
    assert [c["name"] for c in report["classes"]] == ["x", "y", "z"]
    assert sum(c[part] for c in report["classes"] for part in ("train", "validation", "test")) == 600
    assert sum(c["share"] for c in report["classes"]) == pytest.approx(1, abs=1e-3)
    for shown in report["linear_probe"].values():
        assert shown["validation"] > 0.45 and shown["test"] > 0.45 and shown["chance"] == pytest.approx(1 / 3, abs=1e-4)


def test_constant_and_repeated_columns(found):
    good = raw()
    a, b = good.views["a"].copy(), good.views["b"].copy()
    a[good.split == 0, 2] = 7.0  # constant where it is trained on, whatever it is elsewhere
    problems = found(raw(views={"a": a, "b": np.hstack([b, a[:, :1], b[:, 1:2]])}))
    assert problems["constant_columns"]["view"] == "a" and problems["constant_columns"]["columns"] == [2]
    assert problems["duplicate_columns"]["view"] == "b" and problems["duplicate_columns"]["columns"] == [3, 4]
    assert "b[3] = a[0], b[4] = b[1]" in problems["duplicate_columns"]["text"]


def test_rows_repeated_across_splits(found):
    good = raw()
    train, test = np.flatnonzero(good.split == 0), np.flatnonzero(good.split == 2)
    views = {name: view.copy() for name, view in good.views.items()}
    for view in views.values():
        view[test[:3]] = view[train[:3]]
        view[train[5]] = view[train[6]]  # within a part: no harm
    problems = found(raw(views=views))
    assert problems["repeated_rows"]["rows"] == test[:3].tolist()
    assert problems["repeated_rows"]["text"].startswith("3 of 120 test rows are in train too")
    views["b"][test[:3]] += 1  # the same in one view only
    assert "repeated_rows" not in found_again(views)


def found_again(views):
    data = build(raw(views=views), seed=0)
    return {problem["kind"] for problem in data_report._repeated_rows(data)}


def test_rows_of_zeros_rare_classes_and_split_dialogues(found):
    good = raw()
    b = good.views["b"].copy()
    b[:60] = 0
    y = np.where((good.y == 2) & (good.split == 1) & (np.arange(600) % 100 != 36), 0, good.y)
    dialogue = good.dialogue.copy()
    dialogue[good.split == 1] = 0
    problems = found(raw(views={"a": good.views["a"], "b": b}, y=y, dialogue=dialogue))
    assert problems["empty_rows"]["view"] == "b" and problems["empty_rows"]["share"] == pytest.approx(0.1)
    assert problems["rare_classes"]["classes"] == ["z"]
    assert problems["split_dialogues"]["dialogues"] == [0]


def leaky(strength, seed=0, parts=(0, 1)):
    """A third view of noise that carries the label in `parts` alone."""
    good = raw(seed=seed)
    rng = np.random.default_rng(seed + 100)
    noise = rng.normal(size=(600, 4))
    there = np.isin(good.split, parts)
    noise[there] += strength * np.eye(4)[good.y[there]]
    return raw(seed=seed, views={**good.views, "c": noise})


@pytest.mark.parametrize("seed", range(3))
def test_a_view_that_knows_the_labels_of_train_and_validation_is_found(found, seed, tmp_path):
    problem = found(leaky(4.0, seed))["label_leak"]
    assert problem["view"] == "c" and "on validation but" in problem["text"]


def test_a_view_that_is_good_everywhere_or_nowhere_is_no_leak(found, tmp_path):
    assert "label_leak" not in found(leaky(4.0, parts=(0, 1, 2)))
    (tmp_path / "mine.npz").unlink()
    assert "label_leak" not in found(leaky(0.0))


def test_false_alarms_are_rare_where_dialogues_differ():
    """Few dialogues, each with an offset of its own: validation and test differ, but by chance."""
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        dialogue = np.repeat(np.arange(40), 15)
        y = rng.integers(0, 2, 600)
        x = y[:, None] + 2.0 * rng.normal(size=(40, 6))[dialogue] + rng.normal(size=(600, 6))
        data = build(Raw("noisy", {"a": x}, y, dialogue=dialogue), seed=seed)
        alarms += probe(data, "a").leaks
    assert alarms <= 1


def test_balanced_accuracy_by_hand():
    right = np.array([True, True, False, True, False, False])
    labels = np.array([0, 0, 0, 0, 1, 1])
    score, error = balanced_accuracy(right, labels, np.arange(6))
    assert score == pytest.approx((3 / 4 + 0) / 2)
    assert error == pytest.approx(np.sqrt(3 * (0.25 / 8) ** 2 + (0.75 / 8) ** 2))
    _, together = balanced_accuracy(right, labels, np.array([0, 0, 1, 1, 2, 2]))
    assert together == pytest.approx(np.sqrt((0.5 / 8) ** 2 + (0.5 / 8) ** 2))


def test_its_error_is_that_of_many_draws():
    rng = np.random.default_rng(0)
    labels, groups = np.repeat([0, 0, 1, 2], 60), np.repeat(np.arange(60), 4)
    scores, errors = [], []
    for _ in range(300):
        chance = np.clip(0.7 + 0.25 * rng.normal(size=60)[groups], 0, 1)
        score, error = balanced_accuracy(rng.random(240) < chance, labels, groups)
        scores.append(score)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(scores), rel=0.15)


@pytest.fixture(params=["iemocap", "meld", "cogmen", "npz", "unsplit"])
def data_file(request, pickles, dump, sample_class, tmp_path):
    """A file of each source, and one that gives no split."""
    if request.param == "npz":
        npz.write(raw(terms="Ask first."), tmp_path / "features.npz")
        return str(tmp_path / "features.npz")
    if request.param == "unsplit":
        npz.write(raw(split=None, y=np.where(np.arange(600) < 9, -1, np.arange(600) % 3)), tmp_path / "features.npz")
        return str(tmp_path / "features.npz")
    return dump(
        {
            "iemocap": lambda: pickles.iemocap(n=40, test=10, ids=set),
            "meld": pickles.meld,
            "cogmen": lambda: pickles.samples(sample_class("joyful")),
        }[request.param]()
    )


def test_conversion_changes_nothing(cli, data_file, tmp_path):
    output = tmp_path / "out" / "features.npz"
    output.parent.mkdir()
    data_report.convert(data_file, output)
    before = load(source_of(data_file), data_file, seed=5)
    after = load("npz", str(output), seed=5)
    assert after.fingerprint == before.fingerprint
    assert (after.label_names, after.terms, after.fixed_split) == (before.label_names, before.terms, before.fixed_split)
    np.testing.assert_array_equal(after.split, before.split)


def test_from_the_command_line(cli, pickles, dump, sample_class, tmp_path):
    path = dump(pickles.samples(sample_class("joyful")), name="data_iemocap.pkl")
    output = tmp_path / "new.npz"
    done = cli("data", path, "--convert", output)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "data_iemocap: source cogmen",
        "train / validation / test, as given",
        "text",
        "fru",
        f"wrote {output}",
    ):
        assert words in done.stdout
    assert read("npz", str(output)).views["audio"].shape == (done_rows := len(read("cogmen", path).y), 4)
    again = cli("data", output, "--json", "--convert", output)
    assert again.returncode == 2 and f"{output} exists" in again.stderr and again.stdout == ""
    report = json.loads(cli("data", output, "--json").stdout)
    assert report["source"] == "npz" and report["rows"] == done_rows


def test_what_cannot_be_trained_on_is_one_message(cli, dump):
    done = cli("data", dump({"x": 1}))
    assert done.returncode == 2 and "a pickle of no known format" in done.stderr and "Traceback" not in done.stderr


def test_output_that_cannot_be_written(tmp_path):
    npz.write(raw(), tmp_path / "mine.npz")
    with pytest.raises(InputError, match="cannot be written"):
        data_report.convert(str(tmp_path / "mine.npz"), tmp_path / "none" / "out.npz")


def test_share_of_validation_must_be_one(tmp_path):
    np.savez(tmp_path / "a.npz", view_a=np.ones((4, 1)), y=np.arange(4), validation=2.0)
    with pytest.raises(InputError, match="validation: expected a share between 0 and 1, found 2.0"):
        read("npz", str(tmp_path / "a.npz"))

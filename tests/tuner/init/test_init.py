"""`tuner init`: guesses with their reasons, and a study file that is one."""

import itertools
import math
import os

import numpy as np
import pytest

from trainer.data import Raw, build
from trainer.data.sources import npz
from tuner.errors import InputError
from tuner.init import guess
from tuner.init.measure import Measured, measure
from tuner.init.model import init as init_model
from tuner.init.study import init
from tuner.launch import _tryout as tryout
from tuner.report.finish import finish
from tuner.spec import file as study_file
from tuner.spec.edit import with_overrides
from tuner.study.make import create_study
from tuner.worker import worker


def measured(**changes):
    return Measured(
        **{"seconds": 0.5, "epochs": 3, "classification": 1.9, "reconstruction": 2.0, "balanced_weight": 5.0} | changes
    )


@pytest.mark.parametrize(
    ("balanced", "low", "high"),
    [(5.0, 0.01, 10.0), (0.5, 0.005, 1.0), (0.013, 0.0001, 0.1), (math.nan, 0.01, 0.1), (300.0, 0.01, 600.0)],
)
def test_range_of_the_weight_reaches_from_hardly_to_leading_and_holds_the_recommendations(balanced, low, high):
    found = guess.weight_range(measured(balanced_weight=balanced))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.low <= 0.01 and found.high >= 0.1


@pytest.mark.parametrize(("loss", "low", "high"), [(1.9, 0.001, 3.0), (0.7, 0.0009, 0.9), (0.01, 0.0001, 0.1)])
def test_range_of_the_gate_weight(loss, low, high):
    found = guess.gate_range(measured(classification=loss))
    assert found.high == pytest.approx(high) and found.low <= 0.001 <= 0.01 <= found.high
    assert found.low == pytest.approx(low)


def test_budget_fits_the_time_where_anything_fits():
    for seconds, workers, minutes in itertools.product((0.01, 0.1, 1.0, 5.0, 20.0), (1, 2, 8), (5, 30, 240)):
        found = guess.budget(seconds, workers, minutes)
        smallest = (found.trials, found.epochs) == (guess.FEWEST_TRIALS, guess.FEWEST_EPOCHS)
        assert found.minutes <= minutes * 1.01 or smallest
        assert guess.FEWEST_TRIALS <= found.trials <= guess.MOST_TRIALS and found.epochs in (50, 40, 30, 20)


def test_a_slower_epoch_never_buys_more():
    found = [guess.budget(seconds, 2, 30) for seconds in np.geomspace(0.01, 100, 60)]
    bought = [budget.epochs * budget.trials for budget in found]
    assert bought[0] == 5000 and bought[-1] == 400
    assert [b.epochs for b in found] == sorted((b.epochs for b in found), reverse=True)


def raw(n=300, classes=3, scale=1.0, rare=False):
    rng = np.random.default_rng(0)
    y = np.where(np.arange(n) % 30 == 0, 1, 0) if rare else np.arange(n) % classes
    x = rng.normal(size=(classes, 8))[y] + scale * rng.normal(size=(n, 8))
    return Raw("mine", {"a": x[:, :5], "b": x[:, 5:]}, y, label_names=[f"c{i}" for i in range(classes)])


def test_the_short_run_measures_the_terms_and_the_balance():
    found = measure(build(raw(), seed=0), "cpu")
    assert found.epochs == 3 and found.seconds > 0
    assert found.classification == pytest.approx(math.log(3), rel=0.3)
    assert 1 < found.reconstruction < 4  # two reconstructions of standardised features
    assert 0.1 < found.balanced_weight < 100


@pytest.fixture
def data_file(tmp_path):
    npz.write(raw(), tmp_path / "mine.npz")
    return tmp_path / "mine.npz"


def test_from_data_to_a_study_that_runs(cli, data_file, tmp_path):
    file = tmp_path / "study.yaml"
    done = cli("init", "--data", data_file, "-o", file)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (f"wrote {file}", "encoder_loss_weight: ", "budget: ", "an epoch took", f"start {file}"):
        assert words in done.stdout
    spec = study_file.load(str(file))
    assert spec.data.path == str(data_file) and 'path: "mine.npz"' in file.read_text()
    assert spec.knobs["encoder_loss_weight"].contains(0.05) and "class_weights" not in spec.knobs
    assert all(line.startswith(("#", " ")) or ":" in line or not line for line in file.read_text().splitlines())
    assert max(map(len, file.read_text().splitlines())) <= 120
    short = ("--trials", 2, "--epochs", 1, "--workers", 1, "--state", tmp_path / "state")
    assert cli("start", file, *short).returncode == 0


def test_rare_classes_and_problems_are_in_the_file(tmp_path):
    views = raw(rare=True, classes=2)
    views.views["a"][:, 1] = 7.0
    npz.write(views, tmp_path / "rare.npz")
    found = init(str(tmp_path / "rare.npz"), tmp_path / "rare.yaml", device="cpu")
    assert "29.0 times the rows of the smallest, 'c1'" in found["guessed"]["class_weights"]
    assert study_file.load(found["file"]).knobs["class_weights"].choices == ["none", "balanced"]
    text = (tmp_path / "rare.yaml").read_text()
    assert "# Look at this first: view 'a': 1 of 5 columns is constant" in text and found["problems"]


def test_pickles_and_folders_name_the_file_and_the_source(tmp_path, monkeypatch, pickles, dump):
    monkeypatch.chdir(tmp_path)
    dump(pickles.samples(pickles.corect), name='da"ta: iemocap.pkl')
    (tmp_path / "below").mkdir()
    found = init('da"ta: iemocap.pkl', tmp_path / "below" / "mine.yaml", device="cpu", minutes=1)
    spec = study_file.load(found["file"])
    assert (spec.data.source, spec.data.path) == ("cogmen", str(tmp_path / 'da"ta: iemocap.pkl'))
    os.rename('da"ta: iemocap.pkl', "data.pkl")
    assert init("data.pkl", device="cpu")["file"] == "data.yaml"


def test_nothing_is_overwritten_and_nothing_is_left_where_it_fails(cli, data_file, tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("mine")
    done = cli("init", "--data", data_file, "-o", file)
    assert done.returncode == 2 and "study.yaml exists" in done.stderr and file.read_text() == "mine"
    for path, output, words in (
        (str(tmp_path / "none.npz"), tmp_path / "x.yaml", "no such file"),
        (str(data_file), tmp_path / "x.txt", "expected a .yaml file"),
        (str(data_file), tmp_path / "no" / "x.yaml", "cannot be written"),
        (str(data_file), tmp_path / "a:b.yaml", "cannot be the name of a study"),
    ):
        with pytest.raises(InputError, match=words):
            init(path, output, device="cpu")
        assert not output.exists()


def test_without_data_it_says_what_is_missing(cli):
    done = cli("init")
    assert done.returncode == 2 and "--data is missing" in done.stderr


def test_a_template_of_a_model_runs_at_once(data_file, tmp_path, make_place):
    file = tmp_path / "own.yaml"
    assert init_model(str(data_file), file)["model"] == str(tmp_path / "own.py")
    lines = [line for name in ("own.py", "own.yaml") for line in (tmp_path / name).read_text().splitlines()]
    assert max(map(len, lines)) <= 120
    spec = study_file.load(str(file))
    tryout.check(spec)
    study = create_study(make_place(), "own", with_overrides(spec, trials=3, epochs=2))
    assert worker.work(study, device="cpu", say=lambda text: None) == 3
    summary = finish(study)
    assert summary["trials"]["complete"] == 3 and summary["reference"]["test/weighted_f1"] > 0
    assert summary["best"]["params"].keys() >= {"reconstruction_weight", "sparsity_weight"}


def test_a_template_of_a_model_on_the_embedded_data_and_never_over_a_file(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = init_model()
    assert (found["file"], found["model"]) == ("my_model.yaml", "my_model.py") and found["problems"] == []
    spec = study_file.load("my_model.yaml")
    assert spec.data.source == "htad" and spec.model.path == str(tmp_path / "my_model.py")
    os.remove("my_model.yaml")
    with pytest.raises(InputError, match="my_model.py exists"):
        init_model()
    assert not os.path.exists("my_model.yaml")
    monkeypatch.undo()
    done = cli("init", "--model", "--minutes", 3)
    assert done.returncode == 2 and "--minutes goes with --data alone" in done.stderr

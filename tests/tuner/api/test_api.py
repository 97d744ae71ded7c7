"""The tuner from Python: light to import, its examples run as they stand, its data frames say what the CLI says."""

import doctest
import json
import os
import shutil
import subprocess
import sys
import threading

import markdown
import numpy as np
import pandas as pd
import pytest

from tuner import InputError, Study, Validation, api, studies, validate
from tuner.report import plots
from tuner.report.plots import names as plot_names
from tuner.report.plots._view import View

HEAVY = "{'torch', 'optuna', 'mlflow', 'sklearn', 'numpy', 'pandas', 'matplotlib', 'pydantic', 'sqlalchemy', 'rich'}"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A folder with `my_study.yaml` and, in `mlruns`, that study, run from Python."""
    folder = tmp_path_factory.mktemp("api")
    for name in ("tiny.yaml", "tiny.npz"):
        shutil.copy(tiny.parent / name, folder / name.replace("tiny.yaml", "my_study.yaml"))
    state = folder / "mlruns"
    study = Study.start(folder / "my_study.yaml", trials=6, workers=1, device="cpu", state=state, quiet=True)
    assert study.name == "my_study"
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of it as the current folder, with the options' defaults."""
    folder = tmp_path / "here"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("TUNER_")]:
        monkeypatch.delenv(name)
    return folder


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for thing in (Study, Validation, studies, validate) for test in finder.find(thing)]
    return {test.name: test for test in found if test.examples}


@pytest.mark.parametrize("name", examples())
def test_docstrings_run(name, here, capsys):
    test = examples()[name]
    test.globs = {"Study": Study, "validate": validate}
    failed, ran = doctest.DocTestRunner().run(test)
    assert ran and not failed, capsys.readouterr().out


def test_the_page_about_it_runs(here):
    """Its Python blocks, one after the other."""
    known: dict = {}
    for block in markdown.blocks(markdown.ROOT / "docs" / "python.md", "python"):
        exec(compile(block.text, str(block), "exec"), known)
    assert known["study"].name == "my_study" and known["found"].verdict()
    assert (here / "convergence.pdf").exists()


def test_everything_public_has_an_example_or_a_docstring():
    assert {"Study", "Study.start", "Study.open", "Study.run", "Study.status", "Study.trials"} <= set(examples())
    for thing in (Study, Validation, api.Plot):
        for name, member in vars(thing).items():
            assert name.startswith("_") or getattr(member, "__doc__", None) or name in ("figure", "result"), name


def test_import_is_light():
    code = f"import sys, tuner; print(*{HEAVY} & {{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_is_light():
    code = (
        "import sys\nfrom tuner.__main__ import main\nsys.argv = ['tuner', '--help']\n"
        "try: main()\nexcept SystemExit as left: assert not left.code\n"
        f"print('loaded:', *{HEAVY} - {{'rich'}} & {{m.partition('.')[0] for m in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "validate" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_names_are_there_whatever_was_imported_before():
    code = "import tuner.validation.run, tuner.study; from tuner import Study, validate; print(Study, validate)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tuner.api.study.Study" in done.stdout and "function validate" in done.stdout
    import tuner

    assert {"Study", "validate", "studies"} <= set(dir(tuner))
    with pytest.raises(AttributeError, match="no attribute 'Studi'"):
        _ = tuner.Studi


def test_it_says_what_the_command_line_says(here, cli):
    done = cli("status", "my_study", "--json", "--state", here / "mlruns")
    study = Study.open("my_study")
    status = json.loads(done.stdout)
    assert json.loads(json.dumps(study.status())) == status
    trials = study.trials
    assert trials["state"].value_counts().to_dict() == {k: n for k, n in status["trials"].items() if n}
    assert trials["epochs"].sum() == status["epochs_run"]
    best = study.best
    assert (best.name, best["value"]) == (status["best"]["number"], status["best"]["value"])
    assert {k: best[k] for k in status["best"]["params"]} == status["best"]["params"]
    assert best["test/weighted_f1"] == status["best"]["test"]["test/weighted_f1"]
    table = study.comparison
    assert table.loc["best", "trial"] == best.name and table.loc["baseline", "trial"] == 0
    assert table.loc["logistic regression", "test/weighted_f1"] == status["reference"]["test/weighted_f1"]
    for form in ("yaml", "args", "python"):
        assert study.export(form) == cli("export", "my_study", "--format", form, "--state", here / "mlruns").stdout
    assert studies().loc["my_study", ["state", "trials", "best"]].tolist() == ["complete", 6, best["value"]]


def test_curves_are_those_that_were_trained(here):
    study = Study.open("my_study")
    curves, trials = study.curves(), study.trials
    assert curves.groupby("trial").size().to_dict() == trials["epochs"].to_dict()
    value = curves["val/weighted_f1"].groupby("trial").max()
    done = trials[trials["state"] == "complete"]
    assert np.allclose(value[done.index], done["value"], atol=1e-4)
    metrics = study.metrics(study.best.name)
    assert metrics.index.tolist() == [1, 2, 3, 4]
    assert np.allclose(metrics["val/weighted_f1"], curves.loc[study.best.name, "val/weighted_f1"], atol=1e-4)
    assert "test/weighted_f1" not in metrics  # measured once
    with pytest.raises(InputError, match="no trial 99 that was started"):
        study.metrics(99)


def test_a_notebook_shows_it(here):
    study = Study.open("my_study")
    page = study._repr_html_()
    assert "my_study" in page and "<table>" in page and f"{study.best['value']:.4f}" in page
    assert "<script" not in page and "<style" not in page
    drawn = {name for name in plot_names() if plots.draw(View.of(study._study), name) is not None}
    assert {"history", "convergence"} <= drawn
    for name in drawn:
        assert study.plot(name)._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="history"):
        study.plot("histroy")


def test_a_study_that_only_waits(here):
    study = Study.start("my_study.yaml", name="later", trials=6, detach=True)
    assert study.trials["state"].tolist() == ["waiting"] * 6
    assert study.curves().empty and list(study.curves().columns) == ["val/weighted_f1"]
    assert study.comparison.empty
    assert "later" in study._repr_html_()
    for look in (lambda: study.best, lambda: study.plot(), lambda: study.export()):
        with pytest.raises(InputError):
            look()
    with pytest.raises(InputError, match="There are"):
        Study.open("latr")


def test_progress_is_plain_lines_and_goes_on_where_it_was(here, capsys):
    study = Study.open("my_study").run(trials=8, workers=1, device="cpu")
    assert len(study.trials) == 8 and study.status()["state"] == "complete"
    said = capsys.readouterr().out
    assert "[8/8]" in said and "\x1b" not in said


def test_it_runs_in_a_thread_too(here):
    """Where Python takes no signal handlers."""
    raised = []

    def run():
        try:
            Study.open("my_study").run(trials=7, workers=1, device="cpu", quiet=True)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(120)
    assert not raised and len(Study.open("my_study").trials) == 7


def test_a_verdict_by_numbers_of_trials(here, capsys):
    study = Study.open("my_study")
    done = study.trials.query("state == 'complete' and name != 'baseline'")
    found = validate(study, 0, done.index[0], seeds=6, epochs=2, workers=1, device="cpu")
    assert "6 of 6 seeds done" in capsys.readouterr().out
    name = f"trial:{done.index[0]}"
    row = found.comparisons.loc[name]
    assert row["ci_low"] <= row["difference"] <= row["ci_high"] and row["verdict"] == found.verdict(name)
    # The trial of the plan `basic` is that plan, so that what is claimed of it is tested.
    assert set(found.claims["candidate"]) == {"trial:1"} and found.report.exists()
    assert len(found.sentences) == 2 and found.sentences[0] in found._repr_html_()
    assert repr(found).startswith("<Validation validate-my_study-")
    with pytest.raises(InputError, match="candidate"):
        found.verdict("full")


def test_claims_are_a_data_frame():
    claim = {"id": "a.speed", "claimed": [15, 25], "naive": 1.0, "measured": None, "ci": None, "verdict": "not shown"}
    found = Validation({"name": "v", "claims": [claim, claim | {"id": "b", "ci": [0.5, 2.0]}], "comparisons": []})
    assert found.claims.index.tolist() == ["a.speed", "b"]
    assert found.claims["claimed_low"].tolist() == [15, 15]
    assert pd.isna(found.claims.loc["a.speed", "ci_high"]) and found.claims.loc["b", "ci_high"] == 2.0


def test_a_queued_verdict_waits(here):
    found = validate("my_study.yaml", "baseline", "basic", seeds=6, epochs=2, detach=True)
    assert (found.state, found.report, found.sentences) == ("waiting", None, [])
    assert found.comparisons.empty and "0 of 6 seeds done" in found._repr_html_()
    with pytest.raises(InputError, match="waits"):
        found.verdict()

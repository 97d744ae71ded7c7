"""Before the first trial of a script: knobs that do nothing are named and not searched."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tuner.adopt import before, inert
from tuner.adopt.model import Check
from tuner.adopt.runs import Run
from tuner.run import start
from tuner.run.options import StartOptions
from tuner.spec import file as study_file
from tuner.study.study import open_study
from tuner.system.place import Place

CODE = """
import sys, time
useful, useless, late, epochs = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
print(f"settings: useful {useful} useless {useless} late {late}")
for epoch in range(1, epochs + 1):
    loss = 1 / epoch + useful / 7 + (late if epoch == epochs else 0)
    print(f"epoch {epoch} loss {loss:.6f} f1 {1 - loss / 3:.6f} took {time.perf_counter():.6f} s", flush=True)
"""


def written(folder: Path, knobs: str = "useful, useless, late") -> Path:
    (folder / "fit.py").write_text(CODE)
    names = knobs.split(", ")
    words = " ".join(f"{{{n}}}" if n in names else "0.5" for n in ("useful", "useless", "late"))
    lines = [
        f"command: '{{python}} -I -S fit.py {words} {{epochs}}'",
        r"script: {metrics: {epoch: 'epoch (\d+)', f1: 'f1 (\S+)', loss: 'loss (\S+)', seconds: 'took (\S+)'}}",
        "objective: f1\ndirection: maximize\ntraining: {epochs: 4}\nplans: {}",
        "search: {trials: 2, replicates: 0}\nknobs:",
        *(f"  {name}: {{low: 0.1, high: 1.0}}" for name in names),
        "baseline: {" + ", ".join(f"{name}: 0.5" for name in names) + "}",
    ]
    file = folder / "fit.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_knob_without_effect_is_found_beside_times_that_differ(tmp_path: Path) -> None:
    found = inert.check(study_file.load(str(written(tmp_path))), "cpu")
    assert set(found.inert) == {"useless"} and not found.undecided and not found.skipped
    assert "whole run" in found.inert["useless"]


def test_equal_first_epochs_alone_call_no_knob_inert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight may be delayed: only what the code confirms, or a whole run, is enough."""
    spec = study_file.load(str(written(tmp_path)))
    part = Run(reports={1: {"f1": 0.123456, "loss": 0.5}}, times=[1.0], log="epoch 1 f1 0.123456\n")

    def run(*_: Any, **__: Any) -> Run:
        return part

    monkeypatch.setattr("tuner.adopt.runs.run", run)
    found = inert.check(spec, "cpu", confirmed=frozenset({"useless"}))
    assert set(found.inert) == {"useless"} and set(found.undecided) == {"useful", "late"}


def test_nothing_is_said_of_a_script_whose_equal_runs_differ(tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "fit.py").write_text("import time\n" + CODE.replace("loss = 1", "loss = time.perf_counter() + 1"))
    found = inert.check(study_file.load(str(file)), "cpu")
    assert not found.inert and "two runs" in found.skipped


def test_a_script_that_fails_or_is_slow_is_skipped_in_a_sentence(tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "fit.py").write_text("raise SystemExit('no data')\n")
    assert "no data" in inert.check(study_file.load(str(file)), "cpu").skipped
    (tmp_path / "fit.py").write_text("import time\ntime.sleep(60)\n")
    assert "no first report" in inert.check(study_file.load(str(file)), "cpu", first=0.2).skipped


def test_start_names_the_knob_once_does_not_search_it_and_resumes(tmp_path: Path) -> None:
    file, place = written(tmp_path), Place.at(tmp_path / "state")
    said = io.StringIO()
    options = StartOptions(study=str(file), workers=1, device="cpu")
    start.run(place, options, console=Console(file=said, width=200))
    assert "useless does nothing and is not searched" in said.getvalue()
    study = open_study(place, "fit")
    assert set(study.spec.knobs) == {"useful", "late"} and study.spec.fixed == {"useless": 0.5}
    summary = start.run(place, replace(options, trials=3), console=Console(file=io.StringIO()))
    assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 3


def test_a_study_of_nothing_but_inert_knobs_goes_on_and_is_told_what_it_finds(tmp_path: Path) -> None:
    spec, said = study_file.load(str(written(tmp_path, "useless"))), []
    assert before.without_inert(spec, Check(inert={"useless": "tried"}), said.append) == spec
    assert len(said) == 1 and said[0].startswith("no knob of this study does anything: useless leaves every number")


def test_a_check_is_remembered_until_the_code_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, asked = study_file.load(str(written(tmp_path))), []

    def call(*given: Any) -> dict[str, Any]:
        asked.append(given)
        return Check(inert={"useless": "tried"}).as_data()

    monkeypatch.setattr("tuner.launch.local.call", call)
    for _ in range(2):
        assert set(before.look(spec, tmp_path / "state", "cpu").inert) == {"useless"}
    (tmp_path / "fit.py").write_text(CODE + "\n# changed\n")
    before.look(spec, tmp_path / "state", "cpu")
    assert len(asked) == 2

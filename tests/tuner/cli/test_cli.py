"""The command line from outside: exit codes, one message where something is wrong, nothing lost."""

import io
import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from tuner.__main__ import main
from tuner.study.study import open_study
from tuner.system.device import cuda_devices
from tuner.system.place import Place


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny):
    """A folder of data files that are wrong, one thing each, and study files."""
    folder = tmp_path_factory.mktemp("files")
    with np.load(tiny.parent / "tiny.npz") as archive:
        good = dict(archive)
    a, y = good["view_a"], good["y"]
    nan = a.copy()
    nan[[3, 7], 1] = np.nan
    split = np.where(np.arange(len(y)) % 5 == 4, 2, 0)
    absent = np.where(y == 2, 2, split)
    cases = {
        "nan": good | {"view_a": nan},
        "other": good | {"view_a": a + 1},
        "one_class": good | {"y": np.zeros_like(y)},
        "absent": good | {"split": absent},
        "lengths": good | {"view_a": a[:-1]},
        "pickled": good | {"view_a": np.array([{"a": 1}] * len(y), dtype=object)},
    }
    for name, arrays in cases.items():
        np.savez(folder / f"{name}.npz", **arrays)
    (folder / "empty.npz").write_bytes(b"")
    pickled = pickle.dumps({"train": [], "dev": [], "test": [np.ones(50)]})
    (folder / "dialect.pkl").write_bytes(pickled)
    (folder / "cut.pkl").write_bytes(pickled[: len(pickled) // 2])
    (folder / "evil.pkl").write_bytes(b"cposix\nsystem\n(S'touch %s'\ntR." % bytes(folder / "ran"))
    (folder / "unknown.pkl").write_bytes(b"\x80\x02cmy_code\nMyFeatures\n)\x81.")
    whole = (tiny.parent / "tiny.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "plain").write_text("a regular file")
    shutil.copy(tiny.parent / "tiny.npz", folder / "tiny.npz")
    (folder / "tiny.yaml").write_text(tiny.read_text())
    (folder / "bad.yaml").write_text("knobs:\n  encoder_los_weight: {low: 0.01, high: 0.1}\n")
    (folder / "source.yaml").write_text(tiny.read_text().replace("source: npz", "source: nqz"))
    return folder


# name: (arguments, what the message must hold). {f} the folder of files, {s} a state with a study, {e} an empty one
BAD = {
    "unknown verb": ("strat --state {s}", ["No such command", "strat"]),
    "unknown flag": ("start {f}/tiny.yaml --trails 3 --state {s}", ["No such option", "--trails"]),
    "no number": ("start {f}/tiny.yaml --trials many --state {s}", ["--trials", "valid integer"]),
    "no workers": ("start {f}/tiny.yaml --workers 0 --state {s}", ["--workers"]),
    "no trials": ("start {f}/tiny.yaml --trials 0 --state {s}", ["--trials"]),
    "no epochs": ("start {f}/tiny.yaml --epochs 0 --state {s}", ["--epochs"]),
    "negative seed": ("start {f}/tiny.yaml --seed -1 --state {s}", ["--seed"]),
    "unknown study to start": ("start quikstart --state {s}", ["Did you mean quickstart?", "few_labels"]),
    "unknown study for status": ("status tinny --state {s}", ["'tinny'", "Did you mean tiny?"]),
    "unknown study for export": ("export nope --state {s}", ["'nope'", "There are: tiny"]),
    "unknown study for worker": ("worker nope --state {s}", ["'nope'", "There are: tiny"]),
    "missing study file": ("start {f}/none.yaml --state {s}", ["none.yaml", "does not exist"]),
    "bad study file": ("start {f}/bad.yaml --state {s}", ["bad.yaml:2", "Did you mean encoder_loss_weight?"]),
    "unknown source": ("start {f}/source.yaml --state {s}", ["'nqz'", "htad", "npz"]),
    "missing data": ("start {f}/tiny.yaml --name n --data {f}/none.npz --state {s}", ["none.npz", "no such file"]),
    "NaN": ("start {f}/tiny.yaml --name n --data {f}/nan.npz --state {s}", ["view 'a'", "2 NaN", "2 of 150 rows"]),
    "one class": ("start {f}/tiny.yaml --name n --data {f}/one_class.npz --state {s}", ["two classes", "class 0"]),
    "class absent from train": (
        "start {f}/tiny.yaml --name n --data {f}/absent.npz --state {s}",
        ["train", "every class", "sit/stand"],
    ),
    "views of different length": (
        "start {f}/tiny.yaml --name n --data {f}/lengths.npz --state {s}",
        ["view 'a'", "149", "view 'b'", "150"],
    ),
    "empty data": ("start {f}/tiny.yaml --name n --data {f}/empty.npz --state {s}", ["empty file"]),
    "truncated data": ("start {f}/tiny.yaml --name n --data {f}/cut.npz --state {s}", ["cut.npz", "corrupt"]),
    "pickled data": ("start {f}/tiny.yaml --name n --data {f}/pickled.npz --state {s}", ["view_a", "pickled"]),
    "pickle that runs code": (
        "start {f}/tiny.yaml --name n --data {f}/evil.pkl --state {s}",
        ["posix.system, which is"],
    ),
    "pickle of a class": (
        "validate {f}/tiny.yaml --data {f}/unknown.pkl --state {s}",
        ["my_code.MyFeatures, which is"],
    ),
    "truncated pickle": ("start {f}/tiny.yaml --name n --data {f}/cut.pkl --state {s}", ["cut.pkl", "truncated"]),
    "pickle in another dialect": (
        "data {f}/dialect.pkl --state {s}",
        ["a dict of 3 with keys train, dev, test", "iemocap: a tuple of 9", "cogmen: a dict"],
    ),
    "no data for init": ("init --data {f}/none.npz --state {s}", ["none.npz", "no such file"]),
    "plan that is none": (
        "start {f}/tiny.yaml --name n --plan {f}/none.yaml --state {s}",
        ["none.yaml does not"],
    ),
    "data is a folder": ("start {f}/tiny.yaml --name n --data {f} --state {s}", ["found a directory"]),
    "other data": ("start --name tiny --data {f}/other.npz --state {s}", ["'tiny' exists", "data.path"]),
    "other seed": ("start --name tiny --seed 5 --state {s}", ["'tiny' exists", "seed: 0 -> 5"]),
    "other epochs": ("start --name tiny --epochs 9 --state {s}", ["training.epochs: 4 -> 9"]),
    "state that cannot be written": ("start {f}/tiny.yaml --state {f}/plain/state", ["cannot be written", "plain"]),
    "state is a file": ("start {f}/tiny.yaml --state {f}/plain", ["cannot be written", "plain"]),
    "bad storage": ("start {f}/tiny.yaml --state {s} --storage nosuch://u:geheim@h/d", ["storage", "nosuch"]),
    "storage in a file": ("list --state {s} --storage sqlite:///{f}/plain/x.db", ["storage", "cannot be opened"]),
    "storage that is none": ("list --state {s} --storage sqlite:///{f}/plain", ["storage", "cannot be opened"]),
    "bad tracking": (
        "start {f}/tiny.yaml --name n --state {s} --tracking-uri sqlite:///{f}/plain/m.db",
        ["tracking URI"],
    ),
    "unknown device": ("start {f}/tiny.yaml --device tpu --state {s}", ["'tpu'", "cuda"]),
    "unknown format": (
        "export tiny --format toml --state {s}",
        ["'toml'", "args, config, html, hydra"],
    ),
    "output that cannot be written": (
        "export tiny --output {f}/plain/x --state {s}",
        ["--output", "cannot be written"],
    ),
    "nothing to see": ("status --state {e}", ["no study", "tuner start"]),
    "nothing to export": ("export quickstart --state {e}", ["no study", "tuner start"]),
    "nothing to browse": ("ui --state {e}", ["no study", "tuner start"]),
}
if not cuda_devices():
    BAD["no CUDA"] = ("start {f}/tiny.yaml --device cuda --state {s}", ["'cuda'", "0 CUDA devices"])


def contents(state: Path):
    """What a state folder holds: files, and every row of both databases."""
    rows = {}
    for name in ("optuna.db", "mlflow.db"):
        connection = sqlite3.connect(state / name)
        try:
            rows[name] = sorted(line for line in connection.iterdump() if line.startswith("INSERT"))
        finally:
            connection.close()
    files = {p: p.read_bytes() for p in state.rglob("*") if p.is_file() and ".db" not in p.name}
    return rows, files


@pytest.fixture(scope="module")
def refused(files, finished_study, tmp_path_factory, cli):
    """All bad commands, run side by side on one copy of a finished study."""
    state = tmp_path_factory.mktemp("refused") / "state"
    shutil.copytree(finished_study.state, state)
    empty = state.parent / "none"
    before = contents(state)

    def run(case):
        return cli(*arguments(case), env={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})

    def arguments(case):
        return BAD[case][0].format(f=files, s=state, e=empty).split()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(OUTSIDE, pool.map(run, OUTSIDE), strict=True))
    for case in BAD.keys() - found.keys():
        found[case] = inside(arguments(case))
    return found, before, contents(state), empty


OUTSIDE = ("unknown flag", "unknown study for status", "bad study file", "NaN", "bad storage", "bad tracking")
OUTSIDE = [case for case in (*OUTSIDE, "state that cannot be written", "nothing to browse") if case in BAD]
"""In a process of its own, which takes a second each; the rest through the same function in this one."""


def inside(arguments):
    """What `python -m tuner` does with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tuner", *arguments])
        patch.setenv("COLUMNS", "200")
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
            main()
    return subprocess.CompletedProcess(arguments, left.value.code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_exit_code_2_and_one_message(refused, case):
    done = refused[0][case]
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert "geheim" not in done.stderr
    text = " ".join(done.stderr.replace("│", " ").split())
    for part in BAD[case][1]:
        assert part in text, done.stderr
    if "Usage:" in done.stderr:  # wrong usage, said by the parser in a box of its own
        assert done.stderr.count("─ Error ─") == 1
    else:
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("error: ") == 1
        assert len(done.stderr.splitlines()) == 1 or "exists and was made with other settings" in done.stderr


def test_bad_input_loses_and_leaves_nothing(refused, files):
    _, before, after, empty = refused
    assert after[1].keys() == before[1].keys()
    assert after == before
    assert not empty.exists()
    assert (files / "plain").read_text() == "a regular file"


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_list_of_nothing_makes_nothing(cli, tmp_path, arguments):
    done = cli(*arguments, "--state", tmp_path / "none")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tuner start" in done.stdout or json.loads(done.stdout) == []
    assert list(tmp_path.iterdir()) == []


def test_start_shows_the_way(finished_study):
    """What a person reads where the output is no terminal: plain lines, the comparison, the next commands."""
    text = finished_study.output
    assert "\x1b" not in text
    assert "tiny: 6 trials of up to 4 epochs on tiny (150 rows; a 5, b 3; 3 classes), cpu" in text
    assert [line[:5] for line in text.splitlines() if line.startswith("[")] == [f"[{i}/6]" for i in range(1, 7)]
    for who in ("best", "baseline", "basic", "full", "advanced", "logistic regression"):
        assert any(line.startswith(who) for line in text.splitlines()), who
    for command in ("tuner status tiny", "tuner export tiny", "tuner ui", "tuner start --name tiny --trials 12"):
        assert f"{command}" in text
    assert f"--state {finished_study.state}" in text


def test_status_and_list_show_it(finished_study, cli):
    state = finished_study.state
    status = cli("status", "--state", state)  # the study that was made last
    assert status.returncode == 0, status.stderr
    assert "tiny: complete; " in status.stdout
    assert "baseline" in status.stdout
    by_environment = cli("status", "tiny", "--json", env={"TUNER_STATE": str(state)})
    assert json.loads(by_environment.stdout) == finished_study.summary
    listed = json.loads(cli("list", "--json", "--state", state).stdout)
    assert listed == [finished_study.summary]
    table = cli("list", "--state", state).stdout
    assert "tiny" in table and "6/6" in table
    assert cli("status", "tiny", "--quiet", "--state", state).stdout == ""


def test_finished_study_is_left_alone_refuses_changes_and_searches_on(finished_study, cli, tmp_path):
    state = tmp_path / "state"
    shutil.copytree(finished_study.state, state)

    def trials():
        found = open_study(Place.at(state), "tiny").optuna.get_trials()
        return [(t.number, t.state, t.value, t.params, t.datetime_complete) for t in found]

    before = trials()
    again = cli("start", finished_study.file, "--trials", 6, "--epochs", 4, "--workers", 2, "--state", state)
    assert again.returncode == 0, again.stderr
    assert trials() == before
    assert "[1/6]" not in again.stdout

    changed = tmp_path / "tiny.yaml"
    text = finished_study.file.read_text().replace("high: 0.05", "high: 0.5").replace("hidden: 8", "hidden: 9")
    changed.write_text(text.replace("path: tiny.npz", f"path: {finished_study.file.parent}/tiny.npz"))
    refused = cli("start", changed, "--state", state)
    assert refused.returncode == 2
    assert "knobs.gate_reg_weight.high: 0.05 -> 0.5" in refused.stderr
    assert "model.hidden: 8 -> 9" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert trials() == before

    more = cli("start", "--name", "tiny", "--trials", 8, "--workers", 1, "--quiet", "--state", state)
    assert (more.returncode, more.stdout, more.stderr) == (0, "", "")
    after = trials()
    assert after[:6] == before
    assert len(after) == 8 and all(state.is_finished() for _, state, *_ in after)


@pytest.mark.parametrize("arguments", [["--help"], ["start", "--help"], ["status", "--help"]])
def test_help_is_quick(cli_environment, arguments):
    """It imports none of the heavy packages."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['tuner', *{arguments!r}]\n"
        "try:\n    runpy.run_module('tuner', run_name='__main__')\n"
        "except SystemExit as left:\n    assert not left.code, left.code\n"
        "heavy = {'torch', 'mlflow', 'optuna', 'sklearn', 'pandas', 'matplotlib', 'sqlalchemy'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=cli_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help_lists_the_verbs_of_the_contract(cli):
    text = cli("--help").stdout
    for verb in ("start", "worker", "status", "list", "export", "ui"):
        assert verb in text
    flags = cli("start", "--help").stdout
    for flag in ("--name", "--trials", "--epochs", "--workers", "--seed", "--data"):
        assert flag in flags
    for flag in ("--state", "--storage", "--tracking-uri", "--device", "--quiet"):
        assert flag in flags

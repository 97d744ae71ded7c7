"""SLURM's array: what sbatch is told, and that its tasks do the work; a program in sbatch's place runs them here."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.errors import InputError
from tuner.launch import _base, slurm
from tuner.launch._base import Workers
from tuner.storage import opening
from tuner.study.study import open_study
from tuner.system.place import Place

SBATCH = """\
#!{python}
import json, os, subprocess, sys
script = sys.stdin.read()
seen = {{"arguments": sys.argv[1:], "script": script, "environment": dict(os.environ)}}
open({record!r}, "w").write(json.dumps(seen))
if {refuses!r}:
    sys.exit("sbatch: error: invalid partition " + os.environ["TUNER_STORAGE"])
options = dict(a.removeprefix("--").partition("=")[::2] for a in sys.argv[1:])
first, last = map(int, options["array"].split("-"))
tasks = []
for i in range(first, last + 1) if {runs!r} else ():
    log = open(options["output"].replace("%A", "7").replace("%a", str(i)).replace("%%", "%"), "w")
    tasks.append(subprocess.Popen(["sh", "-c", script], stdout=log, stderr=log, stdin=subprocess.DEVNULL))
codes = [task.wait() for task in tasks]
print("7;cluster")
sys.exit(max(codes, default=0))
"""


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """Puts a stand-in for sbatch on the PATH; returns a function that reads what it was told last."""

    def install(runs=False, refuses=False):
        record, program = tmp_path / "record.json", tmp_path / "bin" / "sbatch"
        program.parent.mkdir()
        program.write_text(SBATCH.format(python=sys.executable, record=str(record), runs=runs, refuses=refuses))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        return lambda: json.loads(record.read_text())

    return install


def submit(place, name="tiny", said=None, **kwargs):
    kwargs = {"device": "cpu", "count": 2, **kwargs}
    _base.launch("slurm", place, name, say=(said if said is not None else []).append, **kwargs)


def test_the_array_s_tasks_end_the_study(sbatch, shared, queued):
    queued(shared, trials=4)
    told, said = sbatch(runs=True), []
    submit(shared, said=said)
    assert said == ["job 7: 2 workers; squeue --job 7 shows them, scancel 7 ends them"]
    ended = open_study(shared, "tiny")
    assert all(t.state.is_finished() for t in opening.trials(ended.optuna)) and "finished_at" in ended.optuna.user_attrs
    logs = [path.read_text() for path in sorted((shared.state / "logs").glob("tiny-slurm-7-*.log"))]
    assert len(logs) == 2 and all("every trial of tiny has ended" in log for log in logs)
    seen = told()
    assert seen["environment"]["TUNER_STORAGE"] == shared.storage
    assert "s3cret" not in seen["script"] + str(seen["arguments"]) + str(logs)


def options(**settings):
    place = Place.at(Path("/shared/50% of it/state"), "postgresql://db/optuna", "http://mlflow:5000")
    given = {key: setting.default for key, setting in slurm.SETTINGS.items()} | settings
    return Workers("my study (2)", place, 8, "auto", given)


def test_what_sbatch_is_told():
    told = slurm.options(
        options(cpus="4", memory="8G", time="4:00:00", partition="gpu", account="me", options="--constraint='a b'")
    )
    assert {"--parsable", "--requeue", "--array=0-7", "--ntasks=1", "--cpus-per-task=4", "--mem=8192M"} <= set(told)
    assert {"--time=4:00:00", "--partition=gpu", "--account=me", "--constraint=a b", "--gres=gpu:1"} <= set(told)
    assert {"--signal=B:TERM@60", "--export=ALL"} <= set(told)
    (output,) = [option for option in told if option.startswith("--output=")]
    assert output.startswith("--output=/shared/50%% of it/state/logs/my-study-2-") and output.endswith("-%A-%a.log")


def test_what_nobody_asked_for_is_left_to_the_cluster():
    told = " ".join(slurm.options(options()))
    assert not any(f"--{name}=" in told for name in ("mem", "time", "partition", "account"))


def test_the_script_takes_the_shell_s_place():
    """So that SLURM's signal reaches the worker."""
    first, setup, last = slurm.script(options(setup="module load cuda")).splitlines()
    assert (first, setup) == ("#!/bin/sh", "module load cuda")
    state = ["--state", "/shared/50% of it/state", "--device", "auto"]
    assert shlex.split(last) == ["exec", sys.executable, "-m", "tuner", "worker", "my study (2)", *state]
    assert subprocess.run(["sh", "-n"], input=last, text=True, check=False).returncode == 0


def test_without_a_name_they_wait_for_work(shared, sbatch):
    told = sbatch()
    submit(shared, None)
    assert "-m tuner worker --state" in told()["script"] and "--job-name=tuner-any" in told()["arguments"]


def test_a_refusal_is_passed_on_without_the_password(shared, sbatch, queued):
    queued(shared)
    sbatch(refuses=True)
    with pytest.raises(InputError, match=r"sbatch refused: sbatch: error: invalid partition .*:\*\*\*@") as error:
        submit(shared)
    assert "s3cret" not in str(error.value)


def test_an_unknown_study_is_not_submitted(shared, sbatch, tmp_path):
    sbatch()
    with pytest.raises(InputError, match="unknown study 'nope'"):
        submit(shared, "nope")
    assert not (tmp_path / "record.json").exists()


def test_no_sbatch_here(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="sbatch is not on the PATH"):
        submit(shared)


def test_options_with_an_open_quote():
    with pytest.raises(InputError, match="cannot be split"):
        slurm.options(options(options="--comment='open"))

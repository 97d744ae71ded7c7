"""A script as a trial: told by its output, stopped with its whole process group."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuner.errors import UserCodeError
from tuner.worker.script import process as processes

REPORTS = """
for epoch in range(1, 5):
    print(json.dumps({"epoch": epoch, "dev_f1": w + epoch / 100, "test_f1": w + epoch / 200, "loss": 1 / epoch}))
"""
FOREVER = """
epoch = 0
while True:
    epoch += 1
    print(json.dumps({"epoch": epoch, "dev_f1": 0.1}), flush=True)
    time.sleep(0.03)
"""


def failure(run, code, **options):
    with pytest.raises(UserCodeError) as error:
        run(code, **options)
    return str(error.value)


def gone(pid, seconds=5.0):
    """Whether a process ends within some seconds; one that nobody waits for any more counts."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
            os.kill(pid, 0)
        except (OSError, IndexError):
            return True
        time.sleep(0.02)
    return False


def test_json_lines_on_standard_output(run):
    heard = []
    result = run(REPORTS, heard=heard)
    assert (result.state, result.best_epoch, result.best_value) == ("complete", 4, pytest.approx(0.54))
    assert result.test == {"test_f1": pytest.approx(0.52)}
    assert result.curves["loss"] == [1.0, 0.5, pytest.approx(1 / 3), 0.25]
    assert [(r.epoch, r.metrics["dev_f1"], r.diverged) for r in heard] == [
        (e, pytest.approx(0.5 + e / 100), None) for e in range(1, 5)
    ]
    assert result.measures["convergence/area"] == pytest.approx(0.525)
    assert result.log.read_text().count("\n") == 4


def test_regular_expressions_over_the_log(run):
    code = """
for epoch in range(3):
    print(f"[Epoch {epoch}] [Loss: {1 / (epoch + 1):.4f}]")
    print(f"[Dev set] [f1 {0.5 + epoch / 10:.4f}]", file=sys.stderr)
    print(f"[Test set] [f1 {0.4 + epoch / 10:.4f}]")
"""
    metrics = {
        "epoch": r"\[Epoch (\d+)\]",
        "loss": r"\[Loss: (\S+)\]",
        "dev_f1": r"\[Dev set\] \[f1 (\S+)\]",
        "test_f1": r"\[Test set\] \[f1 (\S+)\]",
    }
    result = run(code, script={"metrics": metrics})
    assert result.curves["dev_f1"] == pytest.approx([0.5, 0.6, 0.7]) and result.best_epoch == 3
    assert result.test == {"test_f1": pytest.approx(0.6)}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("metrics.jsonl", 'file.write(json.dumps({"epoch": e, "dev_f1": e / 10}) + "\\n")'),
        ("metrics.csv", 'file.write(("epoch,dev_f1\\n" if e == 1 else "") + f"{e},{e / 10}\\n")'),
    ],
)
def test_a_metrics_file(run, name, code):
    code = f'for e in (1, 2):\n    with open(sys.argv[2] + "/{name}", "a") as file:\n        {code}\n'
    for _ in range(2):  # the second time over what the first has left
        result = run(code, arguments="{output}", script={"metrics_file": f"{{output}}/{name}"})
        assert result.curves["dev_f1"] == pytest.approx([0.1, 0.2])


def test_the_imported_function(run):
    root = Path(__file__).parents[4]
    code = f"""
sys.path.insert(0, {str(root)!r})
import trainer
for epoch in range(3):
    trainer.report(epoch=epoch, dev_f1=epoch / 10, **{{"val/loss": 1.0}})
assert not {{"torch", "numpy"}} & set(sys.modules), "it must be cheap to import"
"""
    result = run(code)
    assert result.curves == {"dev_f1": pytest.approx([0.0, 0.1, 0.2]), "val/loss": [1.0, 1.0, 1.0]}


def test_the_imported_function_does_nothing_outside_of_a_trial(tmp_path, monkeypatch):
    import trainer

    monkeypatch.delenv("TUNER_REPORT", raising=False)
    monkeypatch.chdir(tmp_path)
    trainer.report(epoch=1, f1=0.5)
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_of_an_epoch_after_its_objective_is_heard_too(run):
    code = """
for epoch in (1, 2):
    print(json.dumps({"epoch": epoch, "dev_f1": epoch / 10}), flush=True)
    time.sleep(0.25)
    print(json.dumps({"epoch": epoch, "test_f1": epoch / 20}), flush=True)
"""
    heard = []
    result = run(code, heard=heard)
    assert [(r.epoch, sorted(r.metrics)) for r in heard][:2] == [(1, ["dev_f1"]), (1, ["test_f1"])]
    assert result.test == {"test_f1": 0.1}


def test_a_test_score_that_is_said_once_at_the_end(run):
    result = run(
        REPORTS.replace('"test_f1": w + epoch / 200, ', "") + 'print(json.dumps({"epoch": 9, "test_f1": 0.3}))'
    )
    assert result.test == {"test_f1": 0.3} and result.best_epoch == 4


def test_lower_can_be_better(run):
    code = 'for e in (1, 2, 3): print(json.dumps({"epoch": e, "dev_f1": [0.5, 0.2, 0.4][e - 1], "test": e}))'
    result = run(code, direction="minimize")
    assert (result.best_epoch, result.best_value, result.test) == (2, 0.2, {"test": 2.0})


def test_seed_epochs_and_a_folder_of_its_own(run):
    code = """
print(json.dumps({"epoch": 1, "dev_f1": 0.5, "seed": int(sys.argv[2]), "epochs": int(sys.argv[3])}))
open(sys.argv[4] + "/checkpoint", "w").close()
"""
    options = {"arguments": "{seed} {epochs} {output}"}
    result = run(code, seed=7, **options)
    assert (result.curves["seed"], result.curves["epochs"]) == ([7.0], [4.0])
    assert (result.log.parent / "checkpoint").exists()
    assert run(code, seed=7, noise=1, **options).curves["seed"] not in ([7.0], [8.0]), "noise is another seed"
    assert 0 <= run(code, seed=2**40, **options).curves["seed"][0] < 2**31


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [("cpu", "0,1", ""), ("cuda", "2,3", "2,3"), ("cuda:1", "2,3", "3"), ("cuda:1", None, "1")],
)
def test_the_environment(run, monkeypatch, device, visible, expected):
    monkeypatch.setenv("TUNER_STORAGE", "postgresql://user:secret@db")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    code = 'print(dict(os.environ))\nprint(json.dumps({"epoch": 1, "dev_f1": 1}))'
    said = run(code, device=device, script={"environment": {"THREADS": 2, "FAST": True}}).log.read_text()
    assert f"'CUDA_VISIBLE_DEVICES': '{expected}'" in said
    assert "'THREADS': '2'" in said and "'FAST': 'true'" in said and "secret" not in said


def test_a_script_that_is_not_finite_diverges_and_is_stopped(run):
    code = """
print(json.dumps({"epoch": 1, "dev_f1": 0.4}))
print(json.dumps({"epoch": 2, "dev_f1": float("nan")}), flush=True)
time.sleep(60)
"""
    heard = []
    result = run(code, heard=heard)
    assert (result.state, result.reason) == ("diverged", "epoch 2: dev_f1 is nan")
    assert (result.best_epoch, heard[-1].diverged) == (1, "dev_f1 is nan")


def test_a_script_that_fails_is_told_with_the_end_of_its_log(run):
    said = failure(run, 'print("about to")\nraise ValueError("no such file: x.pkl")')
    assert said.splitlines()[0] == "about to"
    assert said.splitlines()[-1] == "the script ended with exit code 1 (ValueError: no such file: x.pkl)"
    assert "Traceback" in said and "tuner/script" not in said


def test_a_script_that_fails_after_some_epochs(run):
    said = failure(run, REPORTS + "sys.exit(3)")
    assert "the script ended with exit code 3 after epoch 4" in said.splitlines()[-1]


def test_a_script_that_is_killed(run):
    assert "the script ended with signal SIGKILL" in failure(run, "os.kill(os.getpid(), signal.SIGKILL)")


@pytest.mark.parametrize(
    ("code", "script", "said"),
    [
        ("pass", {}, "without reporting dev_f1: nothing that it said was a metric (no line of it was JSON)"),
        ('print("f1 0.5")', {"metrics": {"dev_f1": r"F1 (\S+)"}}, "no pattern under script.metrics matched"),
        (
            'print("f1 high")',
            {"metrics": {"dev_f1": r"f1 (\S+)"}},
            "the pattern of dev_f1 found 'high', which is no number",
        ),
        ('print(json.dumps({"epoch": 1, "f1": 1, "loss": 2}))', {}, "without reporting dev_f1: it reported f1, loss"),
    ],
)
def test_a_script_that_tells_no_metric(run, code, script, said):
    assert said in failure(run, code, script=script).splitlines()[-1]


def test_a_script_that_hangs_is_stopped_at_the_time_limit(run):
    pid = []
    code = 'print("begun", os.getpid(), flush=True)\ntime.sleep(60)'
    said = failure(run, code, script={"time_limit": 0.4})
    assert "the script was stopped at the time limit of 0.4 s (begun" in said.splitlines()[-1]
    pid.append(int(said.split("begun ")[1].split()[0]))
    assert gone(pid[0])


def test_pruning_reaches_the_script_within_one_report(run):
    heard = []
    result = run(FOREVER, heard=heard, report=lambda reports: [0] if reports[0].epoch >= 3 else [])
    assert (result.state, result.reason) == ("stopped", "epoch 3")
    assert [r.epoch for r in heard] == [1, 2, 3]
    # What it wrote until it was gone: the epoch that was judged, and at most what fits into two looks.
    assert result.log.read_text().count("epoch") <= 3 + 6


def test_a_script_may_tidy_up_when_it_is_stopped(run):
    code = f"""
def leave(*_):
    print("tidied up", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
{FOREVER}"""
    result = run(code, report=lambda reports: [0], script={"grace": 10})
    assert result.state == "stopped" and "tidied up" in result.log.read_text()


def test_a_script_that_ignores_the_request_is_killed_with_its_children(run):
    code = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", stubborn])
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(0.3)
{FOREVER}"""
    result = run(code, report=lambda reports: [0])
    own, child = map(int, result.log.read_text().split("pids ")[1].split()[:2])
    assert result.state == "stopped" and gone(own) and gone(child)


def test_what_a_script_leaves_behind_ends_with_it(run):
    code = """
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
print("pid", child.pid)
print(json.dumps({"epoch": 1, "dev_f1": 0.5}))
"""
    assert gone(int(run(code).log.read_text().split("pid ")[1].split()[0]))


def test_whoever_waits_can_leave_and_takes_the_script_along(run, tmp_path):
    class Leave(Exception):
        pass

    calls = []

    def between():
        calls.append(1)
        if len(calls) == 8:
            raise Leave

    with pytest.raises(Leave):
        run('print("pid", os.getpid(), flush=True)\ntime.sleep(60)', between=between)
    assert gone(int((tmp_path / "run" / "log.txt").read_text().split("pid ")[1]))


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells a child of its parent's death on Linux only")
def test_a_script_ends_with_a_worker_that_is_killed(tmp_path):
    code = f"""
import os, sys
from pathlib import Path
from tuner.worker.script.process import Process
command = [sys.executable, "-I", "-S", "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
Process(command, Path("."), os.environ, Path({str(tmp_path / "log")!r})).wait(60)
"""
    worker = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[4])
    until = time.monotonic() + 30
    while not ((log := tmp_path / "log").exists() and log.read_text().strip()) and time.monotonic() < until:
        time.sleep(0.02)
    pid = int(log.read_text())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert gone(pid)


@pytest.mark.parametrize("first", ["no_such_program_anywhere", "./no_such_program"])
def test_a_program_that_is_missing(tmp_path, first):
    log = tmp_path / "log"
    with pytest.raises(UserCodeError, match=f"there is no program '{first}'"):
        processes.Process([first], tmp_path, os.environ, log)
    assert not log.exists()


def test_a_directory_that_is_missing(tmp_path):
    with pytest.raises(UserCodeError, match="the script's directory .* does not exist"):
        processes.Process(["true"], tmp_path / "nowhere", os.environ, tmp_path / "log")


def test_exit_codes_in_words():
    assert processes.ended(2) == "exit code 2"
    assert processes.ended(-15) == "signal SIGTERM"
    assert processes.ended(-200) == "signal 200"


def test_metrics_that_stop_are_gaps(run):
    code = 'print(json.dumps({"epoch": 1, "dev_f1": 0.5, "x": 1}))\nprint(json.dumps({"epoch": 3, "dev_f1": 0.6}))'
    curves = run(code).curves
    assert math.isnan(curves["dev_f1"][1]) and curves["x"][0] == 1.0 and math.isnan(curves["x"][2])

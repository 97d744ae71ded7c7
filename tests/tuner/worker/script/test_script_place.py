"""Where a script runs: in a folder of its own, with links or with paths in full; what two trials write is noticed."""

from tuner.worker.script.place import anchored
from tuner.worker.script.traces import Traces

SNAPSHOT = """
from pathlib import Path
import helper
first = int(Path("snapshot.txt").read_text()) + 1 if Path("snapshot.txt").exists() else 1
for e in range(first, 4):
    print(json.dumps({"epoch": e, "dev_f1": e / 10}), flush=True)
Path("snapshot.txt").write_text("2")
Path("sub/made.txt").write_text("x")
"""


def test_isolated_trials_do_not_see_what_another_has_written(run, tmp_path):
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data.txt").write_text("data")
    for _ in range(2):
        result = run("sys.path.insert(0, '.')" + SNAPSHOT, script={"isolate": True})
        assert len(result.curves["dev_f1"]) == 3
    inside = tmp_path / "run" / "isolated"
    assert (inside / "sub" / "data.txt").is_symlink() and (inside / "snapshot.txt").exists()
    assert not (tmp_path / "snapshot.txt").exists() and not (tmp_path / "sub" / "made.txt").exists()


def test_names_that_are_not_to_appear(run, tmp_path):
    (tmp_path / "old.pt").write_text("old")
    run('print(json.dumps({"epoch": 1, "dev_f1": 1 - os.path.exists("old.pt")}))', script={"isolate": ["old.pt"]})
    assert not (tmp_path / "run" / "isolated" / "old.pt").exists()


def test_a_script_runs_in_its_own_output(run, tmp_path):
    code = 'open("made", "w").close()\nprint(json.dumps({"epoch": 1, "dev_f1": 1}))'
    run(code, script={"directory": str(tmp_path / "{output}"), "environment": {"WHERE": "{output}/x"}})
    assert (tmp_path / "run" / "made").exists() and not (tmp_path / "made").exists()


def test_paths_of_a_command_that_runs_elsewhere(tmp_path):
    (tmp_path / "conf.yaml").touch()
    words = ["python", "conf.yaml", "--config=conf.yaml", "--w", "0.5", "-x"]
    path = str(tmp_path / "conf.yaml")
    assert anchored(words, tmp_path) == ["python", path, f"--config={path}", "--w", "0.5", "-x"]


def test_what_a_run_writes_in_the_shared_folder(run, tmp_path):
    result = run('open("best.pt", "w").close()\nprint(json.dumps({"epoch": 1, "dev_f1": 1}))')
    assert result.wrote == ["best.pt"]
    traces = Traces(tmp_path, tmp_path / "run")
    (tmp_path / "run" / "own").touch()
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "optuna.db").touch()
    (tmp_path / "best.pt").write_text("changed")
    assert traces.written() == ["best.pt"]

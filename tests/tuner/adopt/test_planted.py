"""What is planted in a script is named, by reading and by trying it; nothing is named on its clean twin."""

from pathlib import Path

import pytest

from tests.tuner.adopt import scripts
from tuner.adopt.adopt import Adopted, adopt
from tuner.adopt.reading import read
from tuner.spec import file as study_file

MISLEADING = {"inert", "multiply", "scales", "seed", "test", "writes", "resumes"}


def named(adopted: Adopted) -> dict[str, tuple[str, ...]]:
    return {f.kind: f.options for f in adopted.findings}


def test_reading_names_each_planted_fault(tmp_path: Path) -> None:
    found = {f.kind: set(f.options) for f in read(scripts.write(tmp_path / "fit.py", planted=True)).findings}
    assert found["inert"] == {"gate_reg_weight"}
    assert found["multiply"] == {"encoder_loss_weight", "fusion_recon_weight"}
    assert found["seed"] == {"seed"}
    assert "test" in found
    assert set(found) == {"inert", "multiply", "seed", "test"}


def test_reading_names_nothing_on_the_clean_twin(tmp_path: Path) -> None:
    reading = read(scripts.write(tmp_path / "fit.py", planted=False))
    assert reading.findings == ()
    weights = {"encoder_loss_weight", "fusion_recon_weight", "gate_reg_weight", "cl_loss_weight"}
    assert {name for name, role in reading.roles.items() if role == "weight"} == weights


@pytest.mark.parametrize("planted", [True, False])
def test_adopted_with_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: bool) -> None:
    monkeypatch.chdir(tmp_path)
    done = adopt(scripts.write(tmp_path / "fit.py", planted=planted), ["--cl_loss_weight", "0.3"], device="cpu")
    spec = study_file.load(str(done.file))
    assert spec.objective == "val/f1" and spec.goal.direction == "maximize"
    assert spec.baseline["cl_loss_weight"] == 0.3
    assert spec.training.epochs == 8 and spec.seed == 24
    if planted:
        assert set(named(done)) == {"inert", "multiply", "seed", "test"}
        assert set(spec.knobs) == {"encoder_loss_weight", "cl_loss_weight"}
        assert {f.kind for f in done.findings if f.tried} >= {"seed"}
    else:
        assert not MISLEADING & set(named(done)), done.findings
        assert set(spec.knobs) == {"encoder_loss_weight", "fusion_recon_weight", "gate_reg_weight", "cl_loss_weight"}
    page = done.page.read_text()
    assert all(kind in page for kind in (["Does nothing", "multiply", "seed"] if planted else ["None."]))


def test_nothing_is_run_without_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = scripts.write(tmp_path / "fit.py", planted=True)
    script.write_text("open('ran', 'w').close()\n" + script.read_text())
    done = adopt(script, run=lambda command: False)
    assert not (tmp_path / "ran").exists()
    assert not done.tried and not any(f.tried for f in done.findings)

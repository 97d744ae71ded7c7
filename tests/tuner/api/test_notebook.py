"""The example notebook: it runs as it stands, and what is stored in it is what it gives."""

import re
from pathlib import Path

import nbformat
import pytest

FILE = Path(__file__).parents[3] / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(FILE, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(cell):
    found = [o.get("data", {}).get("text/plain", o.get("text", "")) for o in cell.outputs]
    return "".join(found)


def test_it_is_stored_with_what_it_shows(stored):
    assert FILE.stat().st_size < 500_000
    nbformat.validate(stored)
    assert [cell.execution_count for cell in code(stored)] == list(range(1, len(code(stored)) + 1))
    kinds = {kind for cell in code(stored) for o in cell.outputs for kind in o.get("data", {})}
    assert {"text/html", "image/png"} <= kinds
    assert not [
        o for cell in code(stored) for o in cell.outputs if o.output_type == "error" or o.get("name") == "stderr"
    ]
    for cell in code(stored):
        assert not re.search(r"/(home|root|tmp|work)/", text(cell)), "a path of some machine"


def test_it_runs(stored, tmp_path, monkeypatch):
    """For real, in a kernel of its own; with the same seed the numbers are those that are stored, to a few digits."""
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel: pip install '.[test]'")
    for name in ("TUNER_STATE", "TUNER_STORAGE", "TUNER_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(FILE.parents[1]))
    fresh = nbformat.read(FILE, as_version=4)
    folder = tmp_path / "here"
    folder.mkdir()
    nbclient.NotebookClient(fresh, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    assert (folder / "mlruns" / "optuna.db").exists()
    outputs = [text(cell) for cell in code(fresh)]
    assert any("Validation validate-notebook" in shown for shown in outputs)
    assert "--encoder_loss_weight" in outputs[-1]
    assert [bool(cell.outputs) for cell in code(fresh)] == [bool(cell.outputs) for cell in code(stored)]

"""What the trainer may not know of."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trainer

ROOT = Path(trainer.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def imported(file):
    """The top-level packages that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def test_there_is_something_to_check():
    assert len(FILES) > 30 and "torch" in imported(ROOT / "member.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_knows_nothing_of_the_search(file):
    assert not imported(file) & {"optuna", "mlflow", "tuner"}


def test_config_needs_no_torch():
    code = "import trainer.config, trainer.objective, sys; print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""What is used of Optuna's inside: where, and that it is as it was. This is why Optuna is pinned to a minor version."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("tuner/storage", "tuner/search")


def test_private_modules_of_optuna_are_imported_in_two_rooms_only():
    found = [
        f"{file.relative_to(ROOT)}: {node.module}"
        for file in sorted((ROOT / "tuner").rglob("*.py"))
        if not str(file.relative_to(ROOT)).startswith(ROOMS)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("optuna.")
        and "._" in (node.module or "")
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "name", "parameters", "used_by"),
    [
        (
            "optuna.storages",
            "RDBStorage._get_trials",
            "study_id states included_trial_ids",
            "rows",
        ),
        ("optuna.storages", "RDBStorage._build_frozen_trial_from_trial_model", "trial", "rows"),
        ("optuna.storages._rdb.storage", "_create_scoped_session", "scoped_session", "rows and cache"),
        ("optuna.storages._cached_storage", "_CachedStorage._read_trials_from_remote_storage", "study_id", "cache"),
        ("optuna.storages._cached_storage", "_CachedStorage._add_trials_to_cache", "study_id trials", "cache"),
        ("optuna.storages._rdb.models", "StudyModel.find_or_raise_by_id", "study_id session", "rows"),
        ("optuna.trial", "Trial._get_latest_trial", "", "opening"),
    ],
)
def test_insides_of_optuna_are_as_they_were(module, name, parameters, used_by):
    what = importlib.import_module(module)
    for part in name.split("."):
        assert hasattr(what, part), f"Optuna has no {module}.{name} any more: rewrite tuner/storage/{used_by}"
        what = getattr(what, part)
    taken = set(inspect.signature(what).parameters)
    missing = set(parameters.split()) - taken
    assert not missing, f"Optuna's {module}.{name} takes no {missing} any more: rewrite tuner/storage/{used_by}"


@pytest.mark.parametrize("table", ["TrialModel", "TrialParamModel", "TrialValueModel", "TrialIntermediateValueModel"])
def test_tables_of_optuna_are_as_they_were(table):
    from optuna.storages._rdb import models

    assert hasattr(models, table), f"Optuna has no table {table} any more: rewrite tuner/storage/rows.py"
    columns = set(getattr(models, table).__table__.c.keys())
    assert "trial_id" in columns, f"Optuna's {table} has no column trial_id any more: rewrite tuner/storage/rows.py"

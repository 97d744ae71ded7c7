"""Plans that come by `--plan FILE` and not from the study file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.errors import InputError
from tuner.spec.config_file import config_file
from tuner.spec.edit import spec_dict, with_overrides
from tuner.spec.model import Spec, taken
from tuner.spec.sections import ExportSection
from tuner.storage import opening
from tuner.storage.record import write_study
from tuner.study.study import Study, open_study


def plan_files(spec: Spec, files: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Plans by name from config files, as `export` writes them; one that the spec has already is left out.

    Raises InputError for a file that is no config, and a name that another configuration has.
    """
    found: dict[str, dict[str, Any]] = {}
    there = spec.named()
    for file in files:
        name, config = plan_name(file), config_file(Path(file), spec.vocabulary)
        if name in found or (name in there and there[name] != config):
            raise InputError(
                f"--plan {file}: another configuration is called {name!r} already; there are {', '.join(there)}. "
                "The file's name is the plan's: rename the file"
            )
        if name not in there:
            found[name] = config.knobs()
    return found


def plan_name(file: str) -> str:
    """The plan that a file becomes: its name, which `export --output best.yaml` makes one with a meaning of its own."""
    stem = Path(file).stem
    return f"plan_{stem}" if taken(stem) else stem


def add_plans(opened: Study, plans: dict[str, dict[str, Any]], export: ExportSection) -> Study:
    """Give a study plans that it does not have, with trials for them where the queue is full, and new export flags."""
    if not plans and export == opened.spec.export:
        return opened
    spec = with_overrides(opened.spec, plans=plans).model_copy(update={"export": export})
    needed = len(opening.trials(opened.optuna)) + len(plans)
    record = opened.record
    write_study(
        opened.optuna,
        n_trials=max(record.n_trials, needed) if plans else record.n_trials,
        added_plans=[*record.added_plans, *plans],
        spec=spec_dict(spec),
    )
    return open_study(opened.store, opened.name)

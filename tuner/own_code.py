"""The user's own code: said in a line before it runs, and tried out before a study is made of it."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from trainer.own.config import OwnModel
from tuner.errors import InputError
from tuner.launch import local
from tuner.script.command import GIVEN, Command
from tuner.script.process import program
from tuner.spec import Spec


def notice(spec: Spec) -> str | None:
    """What of the user's own a study runs, in one line; None for a study that runs nothing but the tuner itself."""
    if spec.command is not None:
        return f"runs a command of your own, in {spec.script.directory}: {' '.join(spec.command.split())}"
    return f"runs code of your own: {spec.model.file}" if isinstance(spec.model, OwnModel) else None


def files(spec: Spec) -> list[Path]:
    """The files that the study names: the model's, or those that stand in the command."""
    if isinstance(spec.model, OwnModel):
        return [Path(spec.model.path)]
    return [path for path in _named(spec) if path.is_file()]


def fingerprints(spec: Spec) -> dict[str, str]:
    """16 hex digits of the content of each file, by its name; what they import is not looked at."""
    there = [path for path in files(spec) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in there}


def changed(before: dict[str, str], spec: Spec) -> list[str]:
    """Names of the files that have changed since `fingerprints` gave what it was before."""
    now = fingerprints(spec)
    return sorted(name for name in before if now.get(name) != before[name])


def check(spec: Spec) -> None:
    """Build the user's model on the data and take one step, in another process; look whether the script is there.

    Raises InputError with what is wrong with it, so that a mistake costs seconds and leaves no study behind.
    """
    if isinstance(spec.model, OwnModel):
        wrong = local.call(_try, spec.model_dump(mode="json"))
        if wrong:
            raise InputError(wrong)
    if spec.command is not None:
        directory = Path(spec.script.directory)
        if not directory.is_dir():
            raise InputError(f"script.directory: {directory} does not exist")
        first = _words(spec)[0]
        if program(first, directory, os.environ) is None:
            raise InputError(f"command: there is no program {first!r} (looked in {directory} and on the PATH)")
        for path in _named(spec):
            if path.suffix in (".py", ".sh") and not path.is_file():
                raise InputError(f"command: {path} does not exist")


def _words(spec: Spec) -> list[str]:
    """The command's words, its placeholders filled with anything: what is no placeholder is as it will be."""
    assert spec.command is not None
    filling = dict.fromkeys([*spec.vocabulary.knobs, *GIVEN], "")

    return Command(spec.command).words({**filling, "python": sys.executable})


def _named(spec: Spec) -> list[Path]:
    """Paths that stand in the command as they are."""
    if spec.command is None:
        return []
    directory = Path(spec.script.directory)
    return [directory / word for word in _words(spec)[1:] if word and not word.startswith("-")]


def _try(raw: dict[str, Any]) -> str | None:
    """In the other process: what is wrong, or None."""
    import torch

    from trainer.errors import UserCodeError
    from trainer.population import Population
    from trainer.tensors import VALIDATION, evaluation_batches, to_tensors
    from tuner.study import load_data
    from tuner.study_file import parse

    torch.set_num_threads(1)
    spec = parse(raw)
    try:
        data = to_tensors(load_data(spec), spec.model)
        population = Population([spec.named()["baseline"]], data, spec.model, spec.training, seed=spec.seed)
        population.step(population.batches()[0])
        scores = population.members.evaluate(evaluation_batches(data, VALIDATION))[0]
        spec.goal.of({f"val/{name}": value for name, value in scores.values.items()})
    except (InputError, UserCodeError) as error:
        return str(error)
    return None

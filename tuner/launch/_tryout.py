"""Try the user's own code before a study is made of it."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

from trainer.own_config import OwnModel
from tuner.errors import InputError, unknown
from tuner.launch import local
from tuner.spec import template
from tuner.spec.command import Command
from tuner.spec.model import Spec
from tuner.spec.shell import runs_shell
from tuner.study.own_code import named_paths, program, words


def check(spec: Spec) -> None:
    """Build the user's model on the data and take one step, in another process; look whether the script is there.

    Raises InputError with what is wrong with it, so that a mistake costs seconds and leaves no study behind.
    """
    if isinstance(spec.model, OwnModel):
        wrong = local.call(attempt_step, spec.model_dump(mode="json"))
        if wrong:
            raise InputError(wrong)
    if spec.function is not None:
        _function(spec.function)
    if spec.command is not None:
        directory = spec.script.base
        if not directory.is_dir():
            raise InputError(f"script.directory: {directory} does not exist")
        if spec.script.config:
            elsewhere = set(Command(spec.command).names())
            template.check(Path(spec.script.config), spec.named()["baseline"].knobs(), elsewhere)
        given = words(spec)
        first = given[0]
        if program(first, directory, os.environ) is None:
            raise InputError(f"command: there is no program {first!r} (looked in {directory} and on the PATH)")
        for path in named_paths(spec):
            if path.suffix in (".py", ".sh") and not path.is_file() and not runs_shell(given):
                raise InputError(f"command: {path} does not exist")


def _function(target: str) -> None:
    """Raise InputError where the file does not define the function; nothing of it is run."""
    file, _, name = target.rpartition(":")
    try:
        body = ast.parse(Path(file).read_bytes()).body
    except OSError as error:
        raise InputError(f"function: {file} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise InputError(f"function: {file} is no Python: {error}") from None
    defined = [node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    imported = [a.asname or a.name for node in body if isinstance(node, ast.ImportFrom) for a in node.names]
    assigned = [t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)]
    if name not in [*defined, *imported, *assigned]:
        raise InputError(f"function: {unknown(f'function in {file}', name, defined)}")


def attempt_step(raw: dict[str, Any]) -> str | None:
    """In the other process: what is wrong, or None."""
    import torch

    from trainer.errors import UserCodeError
    from trainer.population import Population
    from trainer.tensors import VALIDATION, evaluation_batches, to_tensors
    from tuner.spec.file import parse
    from tuner.study.study import load_data

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

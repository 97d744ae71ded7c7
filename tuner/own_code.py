"""The user's own code: said in a line before it runs, and tried out before a study is made of it."""

from __future__ import annotations

from typing import Any

from trainer.own.config import OwnModel
from tuner.errors import InputError
from tuner.launch import local
from tuner.spec import Spec


def notice(spec: Spec) -> str | None:
    """What of the user's own a study runs, in one line; None for a study that runs nothing but the tuner itself."""
    return f"runs code of your own: {spec.model.file}" if isinstance(spec.model, OwnModel) else None


def check(spec: Spec) -> None:
    """Build the user's model on the data and take one step, in another process.

    Raises InputError with what is wrong with it, so that a mistake costs seconds and leaves no study behind.
    """
    if isinstance(spec.model, OwnModel):
        wrong = local.call(_try, spec.model_dump(mode="json"))
        if wrong:
            raise InputError(wrong)


def _try(raw: dict[str, Any]) -> str | None:
    """In the other process: what is wrong, or None."""
    import torch

    from trainer.errors import UserCodeError
    from trainer.objective import Objective
    from trainer.population import Population
    from trainer.scores import evaluate
    from trainer.tensors import VALIDATION, evaluation_batches, to_tensors
    from tuner.study import load_data
    from tuner.study_file import parse

    torch.set_num_threads(1)
    spec = parse(raw)
    try:
        data = to_tensors(load_data(spec), spec.model)
        population = Population([spec.named()["baseline"]], data, spec.model, spec.training, seed=spec.seed)
        population.step(population.batches()[0])
        (member,) = population.members.values()
        scores = evaluate(member.model, data, evaluation_batches(data, VALIDATION))
        Objective(spec.objective).of({f"val/{name}": value for name, value in scores.values.items()})
    except (InputError, UserCodeError) as error:
        return str(error)
    return None

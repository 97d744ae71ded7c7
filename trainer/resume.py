"""Where each member of a training stands, as plain data: tensors, lists, text and numbers only.

One state a member, so that members which were trained side by side can go on apart, and in other company.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trainer.errors import InputError
from trainer.population import Population

if TYPE_CHECKING:
    from trainer.result import Result

State = dict[str, Any]
"""A member after an epoch: `epoch`, `result`, and `training` (parameters, optimiser, generators) while it lives."""


def states(population: Population, results: Sequence[Result]) -> list[State]:
    """The state of every member, in the order of the configs; living tensors, so write them before the next step."""
    whole = population.state_dict()
    found: list[State] = []
    for i, result in enumerate(results):
        state: State = {"epoch": population.epochs[i], "result": _result_state(result)}
        if i in whole["members"]:
            # As one tensor rather than a number each: a long training has a million steps.
            norms = [torch.tensor(row, dtype=torch.float64) for row in whole["norms"][i]]
            state["training"] = {"member": whole["members"][i], "best": whole["best"][i], "norms": norms}
        found.append(state)
    return found


def final_state(result: Result) -> State:
    """The state of a member whose training is over."""
    return {"epoch": result.epochs, "result": _result_state(result)}


def restore(population: Population, results: Sequence[Result], found: Sequence[Mapping[str, Any] | None]) -> None:
    """Go on from the states of members with the same configs, data, settings and seed, in the same order; None for one
    that is at its beginning.

    Raises InputError where there is not one state a member.
    """
    if len(found) != len(results):
        raise InputError(f"expected the states of {len(results)} members; found {len(found)}")
    there = population.state_dict() if None in found else {}
    living: dict[int, Mapping[str, Any]] = {}
    epochs: dict[int, int] = {}
    for i, state in enumerate(found):
        if state is None:
            living[i] = {"member": there["members"][i], "best": there["best"][i], "norms": []}
            epochs[i] = 0
        elif "training" in state:
            living[i], epochs[i] = state["training"], int(state["epoch"])
    for result, state in zip(results, found, strict=True):
        if state is not None:
            load_result(result, state["result"])
    population.load_state_dict(
        {
            "epochs": epochs,
            "members": {i: training["member"] for i, training in living.items()},
            "best": {i: training["best"] for i, training in living.items()},
            "norms": {i: [np.asarray(row) for row in training["norms"]] for i, training in living.items()},
        }
    )


def epoch_metrics(state: Mapping[str, Any], epoch: int) -> dict[str, float]:
    """What was measured in an epoch (from 1), out of a state's curves; without what the epoch did not measure."""
    values = {name: float(curve[epoch - 1]) for name, curve in state["result"]["curves"].items() if len(curve) >= epoch}
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _result_state(result: Result) -> dict[str, Any]:
    return {
        "state": result.state,
        "reason": result.reason,
        "curves": {name: torch.tensor(curve, dtype=torch.float64) for name, curve in result.curves.items()},
        "best_epoch": result.best_epoch,
        "best_value": result.best_value,
        "test": dict(result.test),
        "measures": dict(result.measures),
        "model": dict(result.model),
        "norms": torch.from_numpy(np.ascontiguousarray(result.norms, dtype=np.float64)),
    }


def load_result(result: Result, found: Mapping[str, Any]) -> None:
    """Put back what became of a member so far."""
    result.state, result.reason = found["state"], found["reason"]
    result.curves = {name: curve.tolist() for name, curve in found["curves"].items()}
    result.best_epoch, result.best_value = int(found["best_epoch"]), float(found["best_value"])
    result.test, result.measures, result.model = dict(found["test"]), dict(found["measures"]), dict(found["model"])
    result.norms = found["norms"].numpy()

"""The training loop, readable from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.config import ModelConfig, TrainingConfig
from trainer.convergence import measures
from trainer.knobs import Config
from trainer.metrics import EpochReport
from trainer.objective import Objective
from trainer.own_config import OwnModel
from trainer.population import Population
from trainer.result import Result
from trainer.resume import State, load_result, restore, states
from trainer.tensors import TensorData

Receiver = Callable[[list[EpochReport]], Collection[int]]
"""Gets the reports of one epoch, returns the positions of the members to stop, which may wait for others to report."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Another member for a training that runs."""

    config: Config
    seed: int
    state: State | None = None
    """where it goes on from; None for the beginning"""


Saver = Callable[[Callable[[], list[State]]], None]
"""Gets, after each epoch that is not the last, a function that tells where the members stand."""


def train(
    configs: Sequence[Config],
    data: TensorData,
    model: ModelConfig | OwnModel,
    training: TrainingConfig,
    *,
    seed: int | Sequence[int],
    noise: int | Sequence[int] = 0,
    objective: Objective | None = None,
    fused: bool = False,
    report: Receiver = lambda reports: (),
    resume: Sequence[Mapping[str, Any] | None] = (),
    save: Saver = lambda states: None,
    between: Callable[[], None] = lambda: None,
    ended: Callable[[int, Result], None] = lambda member, result: None,
    more: Callable[[], Sequence[Newcomer]] = lambda: (),
) -> list[Result]:
    """Train one member a config, side by side; one Result each: of `configs`, then of those that came later.

    `seed`, `noise` and `fused` as in :class:`Population`. `report` is called once an epoch with the reports of all
    members that trained it and says whom to stop. A member whose losses are not finite is stopped here; the others go
    on.

    After an epoch has been judged, `save` may write where the members stand; the same call with these states as
    `resume` goes on from there, bit for bit on a CPU; None stands for a member at its beginning. `between` is called
    between steps. `ended` gets each result once the member's training is over. `more` is asked for others after each
    epoch. All may raise.
    """
    objective = objective or Objective()
    population = Population(configs, data, model, training, seed=seed, noise=noise, objective=objective, fused=fused)
    results = [Result(config) for config in configs]
    if resume:
        restore(population, results, resume)
        for i in range(len(results)):
            if i not in population.alive:
                ended(i, results[i])

    while population.alive:
        reports = population.run_epoch(between)
        for r in reports:
            results[r.member].record(r)

        stop = set(report(reports))
        over = []
        for r in reports:
            result, best = results[r.member], population.best[r.member]
            result.best_epoch, result.best_value = best.epoch, best.value
            patience = training.early_stopping
            if r.diverged:
                result.state, result.reason = "diverged", f"epoch {r.epoch}: {r.diverged}"
            elif r.member in stop:
                result.state, result.reason = "stopped", f"epoch {r.epoch}"
            elif r.epoch == training.epochs or (patience and r.epoch - best.epoch >= patience):
                _complete(result, population, r.member, objective)
            else:
                continue
            over.append(r.member)
        for i in sorted(stop.intersection(population.waiting)):
            results[i].state, results[i].reason = "stopped", f"epoch {population.epochs[i]}"
            over.append(i)
        population.keep([i for i in population.alive if i not in over])
        for i in over:
            ended(i, results[i])
        _welcome(more(), population, results, ended)
        if population.alive:
            save(lambda: states(population, results))

    return results


def _welcome(
    new: Sequence[Newcomer], population: Population, results: list[Result], ended: Callable[[int, Result], None]
) -> None:
    for one in new:
        results.append(Result(one.config))
        if one.state:
            load_result(results[-1], one.state["result"])
        if one.state and "training" not in one.state:
            population.skip(one.seed)
            ended(len(results) - 1, results[-1])
        else:
            population.join(one.config, one.seed, state=one.state)


def _complete(result: Result, population: Population, member: int, objective: Objective) -> None:
    result.norms = np.concatenate(population.norms[member])
    result.model = population.best[member].state
    result.test = population.test(member)
    result.measures = measures(
        result.curves,
        result.norms,
        objective,
        clip_norm=population.training.clip_norm,
        budget=population.training.epochs,
    )

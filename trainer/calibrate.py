"""Whether members are faster as one batched model here: a few steps decide, for one data set, model and machine.

How many at once is no question of time: it decides which trials a search has seen when it asks for the next ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.knobs import Config
from trainer.own_config import OwnModel
from trainer.population import Population
from trainer.tensors import TRAIN, VALIDATION, TensorData

SIZE = 8
"""Members at once, where so many are allowed: most of the gain, and a search has seen most of its trials."""
STEPS = 20
"""Steps that are timed, each of them one by one and fused."""
SECONDS = 0.5
"""Time for either, at most; slow steps are fewer, three at least."""
MARGIN = 1.1
"""Fused members have to be faster by this factor, which is what timings on a shared machine are worth."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How members are trained."""

    size: int = 1
    """so many at once"""
    fused: bool = False
    """as one batched model; else one after the other within each batch"""
    gain: float | None = None
    """time for an epoch one by one, as a multiple of the time fused; None where nothing was measured"""


def can_fuse(model: ModelConfig | OwnModel | None) -> bool:
    """Whether there is a batched form of the model: only of the built-in one."""
    return isinstance(model, ModelConfig)


def calibrate(data: TensorData, model: ModelConfig, training: TrainingConfig, *, most: int) -> Choice:
    """Time some steps one by one and fused, side by side, of at most `most` members; returns what is faster."""
    size = min(SIZE, most)
    if size < 2:
        return Choice()
    clock = clock_of(data.device)
    populations = [_population(count, data, model, training) for count in (1, size)]
    batches = populations[0].batches()
    times: tuple[list[float], list[float]] = ([], [])
    # In turns, so that whatever else the machine does meets both alike.
    for i in range(STEPS + 1):
        for population, its in zip(populations, times, strict=True):
            if len(its) <= 3 or sum(its) <= SECONDS:
                # Every member on the same batch, whatever its place.
                batch = dict.fromkeys(population.alive, batches[i % len(batches)][0])
                its.append(_time(partial(population.step, batch), clock))
    # The first step warms up.
    epochs = [
        median(its[1:]) * len(batches) + _scoring(population, clock)
        for population, its in zip(populations, times, strict=True)
    ]
    return choose(size, epochs[0] * size / epochs[1])


def choose(size: int, gain: float) -> Choice:
    """Fused if that is faster by more than what timings are worth."""
    return Choice(size if gain > MARGIN else 1, gain > MARGIN, round(gain, 2))


def _population(size: int, data: TensorData, model: ModelConfig, training: TrainingConfig) -> Population:
    """Members of the kinds that a search mixes."""
    kinds: list[Config] = [
        LossConfig(),
        LossConfig(reconstruction_loss="smooth_l1", weighting="ema_inverse"),
        LossConfig.from_knobs({"focal_gamma": 2.0}),
        LossConfig(reconstruction_loss="smooth_l1", weighting="warmup"),
    ]
    configs = [kinds[i % len(kinds)] for i in range(size)]
    return Population(configs, data, model, training, seed=0, fused=size > 1)


def _scoring(population: Population, clock: Callable[[], float]) -> float:
    """Seconds in which all members are scored once an epoch, from one batch of rows."""
    batch = population.rows(VALIDATION)[0]
    once = min(_time(lambda: population.members.evaluate([batch]), clock) for _ in range(2))
    rows = sum(len(b.rows) for split in (TRAIN, VALIDATION) for b in population.rows(split))
    return once * rows / max(1, len(batch.rows))


def _time(run: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    run()
    return clock() - began


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds of work: of this thread where it alone computes, so that other processes do not count."""
    if device.type == "cuda":

        def waited() -> float:
            torch.cuda.synchronize(device)
            return time.perf_counter()

        return waited
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter

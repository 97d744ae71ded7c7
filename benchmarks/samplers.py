"""Samplers compared without training: searches over a planted objective, many trials at a time.

    python -m benchmarks.samplers [--studies N] [--trials N] [--at-once K ...]

A trial's curve rises to a level that its knobs decide, with the noise of a real training: of its seed, and from epoch
to epoch. The knobs are like those of `quickstart`, the baseline and three plans come first and are never pruned, and
the rungs stop the rest as in a study. `K` trials train at the same pace; a free place goes to the next one at once.

Printed for TPE as Optuna has it and for ours, over the same studies: how far the true level of the chosen trial lies
below the optimum (mean, its standard error, median; one seed's deviation is the noise), and the epochs trained.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import Trial, TrialState

from tuner.search.pruning import RungPruner
from tuner.search.tpe import RungTPESampler

SMALL = ("--studies", "4", "--at-once", "16")
EPOCHS, NOISE = 50, 0.004
TOP = 0.93
"""Level at the optimum."""
STEEP = (0.05, 0.02)
"""How much a knob takes from it where it is far off: more than ten times one seed's deviation, and five times."""
NAMED: tuple[dict[str, Any], ...] = (
    {"weight": 0.05, "reconstruction": "mse", "gate": 0.01, "classification": "cross_entropy", "warmup": 0},
    {"weight": 0.03, "reconstruction": "smooth_l1", "gate": 0.01, "classification": "cross_entropy", "warmup": 0},
    {"weight": 0.03, "reconstruction": "smooth_l1", "gate": 0.01, "classification": "focal", "gamma": 2.0, "warmup": 0},
    {"weight": 0.03, "reconstruction": "smooth_l1", "gate": 0.02, "classification": "focal", "gamma": 2.0, "warmup": 5},
)


def suggest(trial: Trial) -> dict[str, Any]:
    """The knobs of a trial."""
    knobs: dict[str, Any] = {
        "weight": trial.suggest_float("weight", 0.005, 1.0, log=True),
        "reconstruction": trial.suggest_categorical("reconstruction", ["mse", "smooth_l1", "huber"]),
        "gate": trial.suggest_float("gate", 0.0, 0.05),
        "classification": trial.suggest_categorical("classification", ["cross_entropy", "focal"]),
        "warmup": trial.suggest_int("warmup", 0, 10),
    }
    if knobs["classification"] == "focal":
        knobs["gamma"] = trial.suggest_float("gamma", 0.5, 4.0)
    return knobs


def level(knobs: dict[str, Any], steep: float) -> float:
    """What a training reaches but for noise: TOP at weight 0.2, MSE, gate 0.01, focal 1, no warm-up."""
    lost = (math.log10(knobs["weight"] / 0.2)) ** 2
    lost += {"mse": 0.0, "smooth_l1": 0.3, "huber": 0.1}[knobs["reconstruction"]]
    lost += 0.5 * ((knobs["gate"] - 0.01) / 0.05) ** 2
    lost += 0.4 * ((knobs["gamma"] - 1.0) / 3) ** 2 if "gamma" in knobs else 0.1
    lost += 0.2 * (knobs["warmup"] / 10) ** 2
    return TOP - steep * lost


def curve(knobs: dict[str, Any], steep: float, rng: np.random.Generator) -> list[float]:
    """The objective by epoch; focal loss and a warm-up make it rise later."""
    pace = 4 + 0.4 * knobs["warmup"] + 2 * ("gamma" in knobs)
    rise = 1 - np.exp(-np.arange(1, EPOCHS + 1) / pace)
    reached = level(knobs, steep) + NOISE * rng.standard_normal()
    found: list[float] = (reached * rise + 0.7 * NOISE * rng.standard_normal(EPOCHS)).tolist()
    return found


def sampler(kind: str, seed: int) -> TPESampler:
    """For one trial, with the settings of a study."""
    settings: dict[str, Any] = {"multivariate": True, "group": True, "constant_liar": True}
    settings |= {"n_startup_trials": 10, "seed": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if kind == "Optuna's TPE":
            return TPESampler(**settings)
        return RungTPESampler([*RungPruner(EPOCHS).rungs, EPOCHS], **settings)


@dataclass(frozen=True)
class Job:
    """One study."""

    kind: str
    at_once: int
    steep: float
    trials: int
    seed: int


def search(job: Job) -> tuple[float, int]:
    """What the chosen trial misses, and the epochs that the study trained."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng([job.seed, 7])
    study, pruner = optuna.create_study(direction="maximize"), RungPruner(EPOCHS)
    stops = [*pruner.rungs, EPOCHS]
    asked: list[tuple[Trial, float, list[float]]] = []
    events: list[tuple[int, int, int]] = []  # time, number, stop

    def begin(now: int) -> None:
        number = len(asked)
        if number == job.trials:
            return
        study.sampler = sampler(job.kind, int(np.random.SeedSequence([job.seed, number]).generate_state(1)[0]))
        if number < len(NAMED):
            study.enqueue_trial(NAMED[number])
        trial = study.ask()
        knobs = suggest(trial)
        asked.append((trial, level(knobs, job.steep), curve(knobs, job.steep, rng)))
        heapq.heappush(events, (now + stops[0], number, 0))

    for _ in range(job.at_once):
        begin(0)
    epochs = 0
    while events:
        now, due = events[0][0], []
        while events and events[0][0] == now:
            due.append(heapq.heappop(events))
        for _, number, stop in due:
            trial, _, values = asked[number]
            for epoch in range(stops[stop - 1] + 1 if stop else 1, stops[stop] + 1):
                trial.report(values[epoch - 1], epoch)
        there, ended = study.get_trials(deepcopy=False), 0
        for _, number, stop in due:
            trial, _, values = asked[number]
            if stops[stop] == EPOCHS:
                study.tell(trial, max(values))
            elif number >= len(NAMED) and pruner.stops(there[number], there, study.direction):
                study.tell(trial, state=TrialState.PRUNED)
            else:
                heapq.heappush(events, (now + stops[stop + 1] - stops[stop], number, stop + 1))
                continue
            epochs, ended = epochs + stops[stop], ended + 1
        for _ in range(ended):
            begin(now)
    return TOP - asked[study.best_trial.number][1], epochs


def main() -> None:
    """Print a row for each sampler, number at once and steepness."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--at-once", type=int, nargs="+", default=[2, 16, 32])
    options = parser.parse_args()
    print(f"{'loss far off':>12}{'at once':>9}  {'':15}{'missed':>9}{'error':>9}{'median':>9}{'epochs':>9}")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for steep in STEEP:
            for at_once in options.at_once:
                for kind in ("Optuna's TPE", "ours"):
                    jobs = [Job(kind, at_once, steep, options.trials, seed) for seed in range(options.studies)]
                    found = list(pool.map(search, jobs, chunksize=2))
                    missed = [one for one, _ in found]
                    numbers = (mean(missed), stdev(missed) / len(missed) ** 0.5, median(missed))
                    print(
                        f"{steep:12.2f}{at_once:9}  {kind:15}",
                        *(f"{number:9.4f}" for number in numbers),
                        f"{mean(epochs for _, epochs in found):9.0f}",
                        sep="",
                        flush=True,
                    )


if __name__ == "__main__":
    main()

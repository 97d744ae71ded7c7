"""Pruners compared without training: recorded curves of an unpruned study, replayed in many orders.

    python -m benchmarks.replay STATE [STUDY ...] [--orders N] [--workers K] [--all]

STATE is the state folder of studies that were run with `search: {pruner: none, sampler: random}`; without STUDY, all of
those in it. A replay hands the recorded trials out in a random order (the baseline and the plans first, and never
pruned, as in a study) to K workers that all train at the same pace, and lets the pruner judge what each has reported.
What a sampler would have learned from pruned trials cannot be replayed; a random order needs none.

Printed for each setting: the share of the epochs that it trains; its regret, which is the best value of all trials
minus the best of those that it completes, as a mean and a 95th percentile over the orders, in units of the deviation
that another seed alone gives the baseline (so below 1 is below what chance does); how often the best trial survives;
and what the test score of the chosen trial loses against the one that would have been chosen. A setting is marked *
where none of the others trains less at no more mean regret.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import optuna
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.errors import InputError
from tuner.search.pruning import RungPruner
from tuner.spec.sections import SearchSection
from tuner.storage import opening
from tuner.storage.record import Replicates, TrialRecord
from tuner.study.study import open_study
from tuner.system.place import Place

SMALL = ("--small",)
FIRST, REDUCTION, PEERS = (0.04, 0.06, 0.1, 0.14, 0.2, 0.3), (2.0, 3.0, 4.0, 6.0), (2, 4, 8)
"""Settings of the rung rule that are tried."""


@dataclass(frozen=True)
class Recorded:
    """A trial that was trained to its end."""

    curve: list[float]
    """the objective by epoch, larger is better"""
    test: float
    """test weighted F1 at the best epoch"""
    named: bool
    """the baseline or a plan"""


@dataclass
class Played:
    """What a pruner sees of a study: the trials so far. Stands in for `optuna.Study`."""

    trials: list[FrozenTrial] = field(default_factory=list)
    direction: StudyDirection = StudyDirection.MAXIMIZE
    directions: tuple[StudyDirection, ...] = (StudyDirection.MAXIMIZE,)

    def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        return [t for t in self.trials if states is None or t.state in states]

    @property
    def _storage(self) -> Played:
        return self

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Where Optuna's successive halving keeps which rung a trial has reached."""
        self.trials[trial_id].system_attrs[key] = value


@dataclass(frozen=True)
class Outcome:
    """One replay."""

    epochs: int
    chosen: int
    """position of the best completed trial"""


def play(
    curves: Sequence[list[float]],
    protected: Sequence[bool],
    order: Sequence[int],
    pruner: BasePruner,
    workers: int,
    judged: Sequence[int],
) -> Outcome:
    """Replay trials in an order. judged: the epochs at which the pruner is asked.

    Workers take the next trial when they are free and need one unit of time for an epoch; those that reach a judged
    epoch at the same time have all reported it before the first of them is judged.
    """
    length = len(curves[0])
    stops = [epoch for epoch in judged if epoch < length] + [length]
    study, waiting = Played(), list(reversed(order))
    of: dict[int, int] = {}
    events: list[tuple[int, int, int]] = []  # time, trial in the study, stop

    def begin(now: int) -> None:
        if waiting:
            number = len(study.trials)
            of[number] = waiting.pop()
            study.trials.append(create_trial(state=TrialState.RUNNING))
            study.trials[-1].number = study.trials[-1]._trial_id = number
            heapq.heappush(events, (now + stops[0], number, 0))

    for _ in range(workers):
        begin(0)
    epochs = 0
    while events:
        now = events[0][0]
        due = []
        while events and events[0][0] == now:
            due.append(heapq.heappop(events))
        for _, number, stop in due:
            trial, curve = study.trials[number], curves[of[number]]
            reported = len(trial.intermediate_values)
            trial.intermediate_values |= {e: curve[e - 1] for e in range(reported + 1, stops[stop] + 1)}
        for _, number, stop in due:
            trial, epoch = study.trials[number], stops[stop]
            if epoch == length:
                trial.state = TrialState.COMPLETE
                trial.values = [max(curves[of[number]])]
            elif not protected[of[number]] and pruner.prune(study, trial):  # type: ignore[arg-type]
                trial.state = TrialState.PRUNED
            else:
                heapq.heappush(events, (now + stops[stop + 1] - epoch, number, stop + 1))
                continue
            epochs += epoch
            begin(now)
    done = [of[t.number] for t in study.trials if t.state == TrialState.COMPLETE]
    return Outcome(epochs, max(done, key=lambda i: max(curves[i])))


def settings(epochs: int, everything: bool) -> dict[str, tuple[Callable[[], BasePruner], list[int]]]:
    """Pruners by name, with the epochs at which each is asked."""
    every, usual = list(range(1, epochs)), SearchSection()
    found: dict[str, tuple[Callable[[], BasePruner], list[int]]] = {}
    for first in FIRST:
        for reduction in REDUCTION:
            for peers in PEERS if everything else (4,):
                make = _rungs(epochs, first, reduction, peers)
                chosen = (first, reduction, peers) == (usual.first_rung, usual.reduction, usual.min_peers)
                name = f"rungs: first {first:g}, 1 in {reduction:g}, {peers} peers" + (" (default)" if chosen else "")
                found[name] = (make, make().rungs)
    warm = max(1, epochs // 10)
    found[f"Optuna median, warm-up {warm}"] = (lambda: MedianPruner(5, warm), every)
    found["Optuna successive halving"] = (lambda: SuccessiveHalvingPruner(warm, 3), every)
    return found


def _rungs(epochs: int, first: float, reduction: float, peers: int) -> Callable[[], RungPruner]:
    return lambda: RungPruner(epochs, first, reduction, peers)


def read(place: Place, name: str) -> tuple[list[Recorded], float]:
    """The completed trials of an unpruned study, and the deviation of its baseline under other seeds."""
    study = open_study(place, name)
    sign = 1.0 if study.optuna.direction == StudyDirection.MAXIMIZE else -1.0
    epochs = study.spec.training.epochs
    found = []
    for t in opening.trials(study.optuna, [TrialState.COMPLETE]):
        curve = [sign * t.intermediate_values.get(e, -sign * math.inf) for e in range(1, epochs + 1)]
        test = TrialRecord.of(t).result.test.get("test/weighted_f1", math.nan)
        found.append(Recorded(curve, test, TrialRecord.of(t).plan is not None))
    baseline = [t.value for t in opening.trials(study.optuna) if TrialRecord.of(t).is_baseline and t.value]
    spread = (study.record.replicates or Replicates()).spread(*baseline)
    return found, spread.std if spread else math.nan


def compare(trials: Sequence[Recorded], deviation: float, orders: int, workers: int, everything: bool) -> list[Row]:
    """Each setting over the same random orders."""
    curves, protected = [t.curve for t in trials], [t.named for t in trials]
    named = [i for i, t in enumerate(trials) if t.named]
    free = [i for i, t in enumerate(trials) if not t.named]
    rng = np.random.default_rng(0)
    shuffled = [[*named, *rng.permutation(free).tolist()] for _ in range(orders)]
    final = [max(curve) for curve in curves]
    best = int(np.argmax(final))
    rows = []
    for name, (make, judged) in settings(len(curves[0]), everything).items():
        played = [play(curves, protected, order, make(), workers, judged) for order in shuffled]
        regret = [(final[best] - final[o.chosen]) / deviation for o in played]
        rows.append(
            Row(
                name,
                mean(o.epochs for o in played) / sum(len(curve) for curve in curves),
                mean(regret),
                float(np.quantile(regret, 0.95)),
                mean(o.chosen == best for o in played),
                mean(trials[best].test - trials[o.chosen].test for o in played),
            )
        )
    return rows


@dataclass(frozen=True)
class Row:
    """One setting on one study."""

    name: str
    share: float
    regret: float
    regret_95: float
    kept: float
    test_loss: float


def table(rows: Sequence[Row]) -> str:
    """Least training first; * where no setting trains less at no more regret."""
    lines = [f"{'':44}{'share':>8}{'regret':>8}{'95%':>8}{'best kept':>11}{'test loss':>11}"]
    for row in sorted(rows, key=lambda r: (r.share, r.regret)):
        front = not any(o.share < row.share and o.regret <= row.regret for o in rows)
        lines.append(
            f"{'*' if front else ' '} {row.name:42}{row.share:8.2f}{row.regret:8.2f}{row.regret_95:8.2f}"
            f"{row.kept:11.2f}{row.test_loss:+11.4f}"
        )
    return "\n".join(lines)


def average(tables: Sequence[Sequence[Row]]) -> list[Row]:
    """The mean of each setting over studies."""
    by_name: dict[str, list[Row]] = {}
    for rows in tables:
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
    return [
        Row(name, *(mean(getattr(r, f) for r in rows) for f in ("share", "regret", "regret_95", "kept", "test_loss")))
        for name, rows in by_name.items()
        if len(rows) == len(tables)
    ]


def made_up(trials: int, epochs: int, seed: int) -> list[Recorded]:
    """Curves that rise to a level of their own at a pace of their own, for a look without a study."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(trials):
        level, pace = 0.9 + 0.02 * rng.standard_normal(), rng.uniform(2, 8)
        curve = level * (1 - np.exp(-np.arange(1, epochs + 1) / pace)) + 0.004 * rng.standard_normal(epochs)
        found.append(Recorded(curve.tolist(), level, i < 2))
    return found


def main() -> None:
    """Print a table a study, and their mean where there are several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", nargs="?", type=Path)
    parser.add_argument("studies", nargs="*", metavar="STUDY")
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="also other numbers of peers than 4")
    parser.add_argument("--small", action="store_true", help="made-up curves, where there is no state folder")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.state is None:
        orders = 20 if options.small else options.orders
        print("made-up curves; name a state folder with unpruned studies for real ones")
        print(table(compare(made_up(40, 30, 0), 0.004, orders, options.workers, options.all)))
        return
    place = Place.at(options.state)
    names = options.studies or opening.study_names(opening.open_storage(place.storage))
    tables = []
    for name in names:
        trials, deviation = read(place, name)
        if len(trials) < 10:
            raise InputError(f"{name}: a replay needs at least 10 completed trials; found {len(trials)}")
        print(f"\n{name}: {len(trials)} trials of {len(trials[0].curve)} epochs, one seed's deviation {deviation:.4f}")
        tables.append(compare(trials, deviation, options.orders, options.workers, options.all))
        print(table(tables[-1]), flush=True)
    if len(tables) > 1:
        print(f"\nmean over {', '.join(names)}")
        print(table(average(tables)))


if __name__ == "__main__":
    main()

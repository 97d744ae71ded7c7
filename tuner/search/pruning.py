"""Rungs: at a few epochs, only the best share of the trials goes on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import optuna
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial


def rungs(epochs: int, first: float) -> list[int]:
    """Epochs at which trials are judged: `first` (a share of the epochs), then each twice as late, up to half.

    Never before the second epoch; later than half-way there is little left to save, and a trial that came so far is
    worth its test scores.
    """
    found: list[int] = []
    at = max(2.0, first * epochs)
    while round(at) <= epochs / 2:
        found.append(round(at))
        at *= 2
    return found


class RungPruner(BasePruner):
    """Successive halving on one bracket, without an order.

    A trial is judged at its first report at or past a rung. It goes on if its best value so far (on a tie: its mean so
    far) is among the best 1 in `reduction` of all trials that reported at that rung or past it, each by its own first
    report there, whatever became of them later. Only values reported up to there count, so the answer depends on which
    trials have reached the rung and not on who is asked first; Optuna's SuccessiveHalvingPruner depends on that order,
    and its MedianPruner compares with completed trials alone. The rule is ASHA's (Li et al. 2020, A System for
    Massively Parallel Hyperparameter Tuning) without promotion records. Fewer than `min_peers` reports stop nobody.
    """

    def __init__(self, epochs: int, first: float = 0.1, reduction: float = 3.0, min_peers: int = 4) -> None:
        self.epochs = epochs
        self.rungs = rungs(epochs, first)
        self.reduction = reduction
        self.min_peers = min_peers

    def passed(self, before: int, epoch: int) -> int | None:
        """The rung that a report at `epoch` meets, after one at `before` (0: it is the first); the latest of several.

        None between two rungs, and at the last epoch, where nothing is left to be saved. A script that reports each
        epoch meets a rung at the rung.
        """
        if epoch == self.epochs:
            return None
        return next((rung for rung in reversed(self.rungs) if before < rung <= epoch), None)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop `trial` at its last reported epoch."""
        if self._met(trial) is None:
            return False
        return self.stops(trial, study.get_trials(deepcopy=False), study.direction)

    def _met(self, trial: FrozenTrial) -> int | None:
        """The rung that the last report of a trial meets."""
        if trial.last_step is None:
            return None
        before = max((step for step in trial.intermediate_values if step < trial.last_step), default=0)
        return self.passed(before, trial.last_step)

    def stops(self, trial: FrozenTrial, there: Iterable[FrozenTrial], direction: StudyDirection) -> bool:
        """The same among the trials that are there, read once for all that stand at a rung."""
        rung = self._met(trial)
        if rung is None:
            return False
        sign = 1.0 if direction == StudyDirection.MAXIMIZE else -1.0
        peers = [so_far(t, at, sign) for t in there if (at := first_at(t, rung)) is not None]
        if len(peers) < self.min_peers:
            return False
        peers.sort(reverse=True)
        threshold = peers[max(1, math.ceil(len(peers) / self.reduction)) - 1]
        return so_far(trial, first_at(trial, rung) or rung, sign) < threshold

    def meets(self, trial: FrozenTrial) -> bool:
        """Whether any report of a trial meets a rung."""
        steps = sorted(trial.intermediate_values)
        return any(self.passed(before, step) is not None for before, step in itertools.pairwise([0, *steps]))


def first_at(trial: FrozenTrial, rung: int) -> int | None:
    """The first report of a trial at a rung or past it; None where it has not come so far."""
    if rung in trial.intermediate_values:
        return rung
    return min((step for step in trial.intermediate_values if step > rung), default=None)


def so_far(trial: FrozenTrial, epoch: int, sign: float) -> tuple[float, float]:
    """Best and mean of what a trial reported up to an epoch, larger is better; -inf where nothing was reported.

    F1 on few validation rows takes few values, so ties are common and letting all of them pass would prune little.
    """
    values = [sign * v for step, v in trial.intermediate_values.items() if step <= epoch and math.isfinite(v)]
    return (max(values), sum(values) / len(values)) if values else (-math.inf, -math.inf)

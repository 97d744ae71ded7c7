"""TPE that learns from trials before they end.

Optuna's TPE ranks whatever has completed before whatever was pruned, and knows of running trials only where they are.
In a search that stops most trials early and trains many side by side this is upside down: what ends first is what was
bad, the good ones are still running, and the baseline counts as good because it may not be stopped. Here trials are
compared as the pruner compares them: by their best value up to a rung, whatever became of them later. The rung is the
latest that enough of them have reached, which is how BOHB (Falkner et al. 2018, *BOHB: Robust and Efficient
Hyperparameter Optimization at Scale*) chooses the budget that it models.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tuner.search.pruning import first_at, so_far
from tuner.storage.record import diverged

ENOUGH = 10
"""As many trials at a rung make a comparison."""


class RungTPESampler(TPESampler):
    """For the knobs of one trial. stops: the rungs, then the epochs of a full training."""

    def __init__(self, stops: Sequence[int], **settings: Any) -> None:
        super().__init__(**settings)
        self.stops = stops
        self.seen: Any = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As in Optuna."""
        return super().infer_relative_search_space(self._see(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As in Optuna."""
        return super().sample_relative(self._see(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As in Optuna."""
        return super().sample_independent(self._see(study), trial, param_name, param_distribution)

    def _see(self, study: Study) -> Any:
        """The study with its trials as they compare, read once: all knobs of a trial are drawn from one picture."""
        if self.seen is None:
            self.seen = _Seen(study, compared(study.get_trials(deepcopy=False), self.stops, study.direction))
        return self.seen


class _Seen:
    """A study of which Optuna's sampler sees these trials."""

    def __init__(self, study: Study, trials: list[FrozenTrial]) -> None:
        self.study, self.trials = study, trials

    def get_trials(self, deepcopy: bool = True, states: Collection[TrialState] | None = None) -> list[FrozenTrial]:
        return [t for t in self.trials if states is None or t.state in states]

    def _get_trials(
        self, deepcopy: bool = True, states: Collection[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return self.get_trials(deepcopy, states)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.study, name)


def compared(trials: Sequence[FrozenTrial], stops: Sequence[int], direction: StudyDirection) -> list[FrozenTrial]:
    """Trials as TPE should take them, at the latest stop that ENOUGH of them have reached, or at the first.

    Those that have reached it are shown as completed, with their best value until then; those that have only come to an
    earlier one as pruned, which Optuna ranks by how far they came; those that have come to none as they are. One that
    diverged is shown as pruned before it reported anything, and ranks last. One that was handed back counts as if it
    ran on.
    """
    fit = [t for t in trials if t.state != TrialState.FAIL and not diverged(t)]
    rung = next((stop for stop in reversed(stops) if sum(_reached(t, stop) for t in fit) >= ENOUGH), stops[0])
    sign = 1.0 if direction == StudyDirection.MAXIMIZE else -1.0
    return [_at(rung, trial, stops, sign) for trial in trials]


def _at(rung: int, trial: FrozenTrial, stops: Sequence[int], sign: float) -> FrozenTrial:
    """One of the compared trials."""
    if trial.state == TrialState.FAIL:
        return trial
    if diverged(trial):
        found = _shown(trial, TrialState.PRUNED)
        found.intermediate_values = {}
        return found
    if _reached(trial, rung):
        return _shown(trial, TrialState.COMPLETE, _value(trial, rung, sign, rung == stops[-1]))
    if any(_reached(trial, stop) for stop in stops):
        return _shown(trial, TrialState.PRUNED)
    if trial.state == TrialState.WAITING and trial.params:
        return _shown(trial, TrialState.RUNNING)
    return trial


def _reached(trial: FrozenTrial, stop: int) -> bool:
    """Whether a trial can be compared there. One that completed can, though it may have ended before by itself."""
    return trial.state == TrialState.COMPLETE or first_at(trial, stop) is not None


def _value(trial: FrozenTrial, rung: int, sign: float, last: bool) -> float | None:
    """Best value up to the rung; of one that completed its own, at the last stop or where it reported nothing yet."""
    at = first_at(trial, rung)
    at = rung if at is None else at
    if trial.state == TrialState.COMPLETE and (last or min(trial.intermediate_values, default=math.inf) > at):
        return trial.value
    return sign * so_far(trial, at, sign)[0]


def _shown(trial: FrozenTrial, state: TrialState, value: float | None = None) -> FrozenTrial:
    """The same trial in another state."""
    found = copy.copy(trial)
    found.state = state
    found.value = value
    return found

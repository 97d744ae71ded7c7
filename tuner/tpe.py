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
from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tuner.pruning import so_far


class RungTPESampler(TPESampler):
    """Samples one trial. stops: rungs, then the epochs of a full training; least: as many trials make a comparison."""

    def __init__(self, stops: Sequence[int], least: int, **settings: Any) -> None:
        super().__init__(n_startup_trials=least, **settings)
        self.stops, self.least = stops, max(1, least)
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
            there = study.get_trials(deepcopy=False)
            self.seen = _Seen(study, compared(there, self.stops, self.least, study.direction))
        return self.seen


class _Seen:
    """A study of which Optuna's sampler sees these trials."""

    def __init__(self, study: Study, trials: list[FrozenTrial]) -> None:
        self.study, self.trials = study, trials

    def _get_trials(
        self, deepcopy: bool = True, states: Sequence[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return [t for t in self.trials if states is None or t.state in states]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.study, name)


def compared(
    trials: Sequence[FrozenTrial], stops: Sequence[int], least: int, direction: StudyDirection
) -> list[FrozenTrial]:
    """Trials as TPE should take them: those that have reached the rung as completed, with their best value until then;
    those that were stopped before or have only reached an earlier one as pruned, later ones ranking before earlier
    ones; those that have reached none as they are. One that diverged is the worst of all.

    A trial that waits with reports was handed back, and counts as if it ran on.
    """
    rung = next((stop for stop in reversed(stops) if sum(_reached(t, stop) for t in trials) >= least), stops[0])
    sign = 1.0 if direction == StudyDirection.MAXIMIZE else -1.0
    found = []
    for trial in trials:
        if trial.state == TrialState.FAIL:
            found.append(trial)
        elif _diverged(trial):
            found.append(_shown(trial, TrialState.COMPLETE, -sign * math.inf))
        elif _reached(trial, rung):
            best = sign * so_far(trial, rung, sign)[0] if trial.intermediate_values else trial.value
            found.append(_shown(trial, TrialState.COMPLETE, best))
        elif _reached(trial, stops[0]):
            found.append(_shown(trial, TrialState.PRUNED))
        else:
            found.append(trial)
    return found


def _reached(trial: FrozenTrial, stop: int) -> bool:
    """Whether a trial can be compared there. One that completed can, though it may have ended before by itself."""
    return trial.state == TrialState.COMPLETE or stop in trial.intermediate_values


def _diverged(trial: FrozenTrial) -> bool:
    result = trial.user_attrs.get("result", {})
    return trial.state == TrialState.PRUNED and str(result.get("reason", "")).startswith("diverged")


def _shown(trial: FrozenTrial, state: TrialState, value: float | None = None) -> FrozenTrial:
    """The same trial in another state."""
    found = copy.copy(trial)
    found.state = state
    found.value = value
    return found

"""Warm starts: the best configs of an earlier study among the first trials of a new one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from tuner.errors import InputError
from tuner.spec.model import Spec
from tuner.storage import opening
from tuner.storage.record import Origin, WarmConfig, config_of
from tuner.storage.store import Store
from tuner.study.study import open_study
from tuner.system.place import Place

TOP = 5
"""Configs that are taken over."""
ALIKE = 0.02
"""Numbers nearer than this share of their range, on the scale that is searched, are the same config tried again."""


def from_study(where: Place | Store, name: str, spec: Spec) -> list[WarmConfig]:
    """The best distinct configs of the study `name` that lie within the ranges of `spec`, best first, at most TOP.

    Configs that are trials of every study anyway, the baseline and the plans, are left out.
    Raises InputError where there is no such study, where it trains another model, and where none of its configs fits.
    """
    earlier = open_study(where, name)
    if set(earlier.spec.vocabulary.knobs) != set(spec.vocabulary.knobs):
        raise InputError(f"--from {name}: that study has other knobs: {', '.join(earlier.spec.vocabulary.knobs)}")
    done = [t for t in opening.trials(earlier.optuna, [TrialState.COMPLETE]) if t.value is not None]
    if not done:
        raise InputError(f"--from {name}: no trial of that study has completed")
    sign = -1.0 if earlier.optuna.direction.name == "MAXIMIZE" else 1.0
    known = [spec.searched(config) for config in spec.named().values()]
    found: list[WarmConfig] = []
    for trial in sorted(done, key=lambda t: (sign * (t.value or 0.0), t.number)):
        params = _params(trial, earlier.spec, spec)
        if params is None or any(_alike(params, other, spec) for other in known):
            continue
        known.append(params)
        found.append(WarmConfig(Origin(name, trial.number, trial.value or 0.0), params))
        if len(found) == TOP:
            break
    if not found:
        raise InputError(
            f"--from {name}: none of its {len(done)} completed trials lies within the ranges of this study and differs "
            "from the baseline and the plans"
        )
    return found


def _params(trial: FrozenTrial, earlier: Spec, spec: Spec) -> dict[str, Any] | None:
    """A trial's searched knobs in the new study; None where the new study cannot reach its config."""
    config = config_of(earlier, trial)
    params = spec.searched(config)
    if spec.overrides(config) or not all(spec.knobs[name].contains(value) for name, value in params.items()):
        return None
    return params


def _alike(a: Mapping[str, Any], b: Mapping[str, Any], spec: Spec) -> bool:
    if a.keys() != b.keys():
        return False
    for name in a:
        rng = spec.knobs[name]
        if rng.low is None or rng.high is None:
            if a[name] != b[name]:
                return False
            continue
        low, high, x, y = (math.log(v) if rng.log else v for v in (rng.low, rng.high, a[name], b[name]))
        if abs(x - y) > ALIKE * (high - low):
            return False
    return True

"""Samplers with explicit settings, seeded by trial."""

from __future__ import annotations

import warnings

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from tuner.spec import SearchSection


def sampler(search: SearchSection, seed: int, number: int) -> BaseSampler:
    """The sampler for trial `number`.

    Seeded by study seed and trial number: one worker gives the same study however often it was interrupted, and no
    two workers draw the same numbers.
    """
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        # `multivariate` and `group` have been experimental in name for years.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if search.sampler == "tpe":
            # group: knobs that exist only under a choice are modelled together with it, not drawn independently.
            # constant_liar: trials that are still running repel, so that workers do not try the same spot.
            return TPESampler(
                n_startup_trials=search.startup_trials,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=own,
            )
        if search.sampler == "gp":
            return GPSampler(n_startup_trials=search.startup_trials, seed=own, warn_independent_sampling=False)
        return RandomSampler(seed=own)

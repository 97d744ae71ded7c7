"""Samplers with explicit settings, seeded by trial."""

from __future__ import annotations

import warnings

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, RandomSampler

from tuner.search.pruning import rungs
from tuner.search.tpe import RungTPESampler
from tuner.spec.model import Spec


def sampler(spec: Spec, number: int) -> BaseSampler:
    """The sampler for trial `number` of a study.

    Seeded by study seed and trial number: one worker gives the same study however often it was interrupted, and no
    two workers draw the same numbers.
    """
    search, epochs = spec.search, spec.training.epochs
    own = int(np.random.SeedSequence([spec.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        # `multivariate` and `group` have been experimental in name for years.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if search.sampler == "tpe":
            # group: knobs that exist only under a choice are modelled together with it, not drawn independently.
            # constant_liar: trials that have come to no rung yet repel, so that workers do not try the same spot.
            return RungTPESampler(
                [*rungs(epochs, search.first_rung), epochs],
                n_startup_trials=search.startup_trials,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=own,
            )
        if search.sampler == "gp":
            return GPSampler(n_startup_trials=search.startup_trials, seed=own, warn_independent_sampling=False)
        return RandomSampler(seed=own)

"""What a reader should know of a study of a script: trials that met in a folder, no rung that was met, odd metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from tuner.search.pruning import RungPruner
from tuner.spec.model import Spec
from tuner.storage.record import TrialRecord, diverged

MOST_NAMES = 3
EXPLAINED, PART = 0.9, 0.3
"""Share of the variance that a line explains, and share of its deviation that one weight has."""
LOSSES = re.compile(r"(?:^|[/_. -])(?:loss|total|elbo|objective|cost)(?:$|[/_. -])", re.IGNORECASE)
"""What the weighted sum of a training loss is usually called."""


def found(spec: Spec, pruner: BasePruner, trials: Sequence[FrozenTrial]) -> list[str]:
    """Sentences for people; none for a study of a model."""
    if spec.command is None:
        return []
    ended = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    every = (
        named_like_a_loss(spec),
        moves_like_a_sum(spec, ended),
        no_rung(pruner, ended),
        _late_start(ended),
        _shared_files(ended),
        *_odd(ended),
    )
    return [text for text in every if text]


def named_like_a_loss(spec: Spec) -> str:
    """A warning where the objective has the name of a weighted sum; empty elsewhere."""
    if spec.command is None or spec.goal.direction != "minimize" or not LOSSES.search(spec.objective):
        return ""
    knobs = [name for name, rng in spec.knobs.items() if rng.low is not None]
    if not knobs:
        return ""
    return (
        f"The objective {spec.objective} is named like a weighted loss. If {' or '.join(knobs[:MOST_NAMES])} weighs a "
        "term of it, a smaller weight wins by having less to add, whatever the model does: let the script report a "
        "term without its weight, or a score."
    )


def moves_like_a_sum(spec: Spec, ended: Sequence[FrozenTrial]) -> str:
    """A warning where the objective's first value, before the weights could teach anything, is a straight line in them.

    That is what a sum of terms times weights is; a least-squares fit explains EXPLAINED of the variance there.
    """
    knobs = [name for name, rng in spec.knobs.items() if rng.low is not None and rng.low >= 0]
    rows = [t for t in ended if t.intermediate_values and all(name in t.params for name in knobs)]
    if spec.goal.direction != "minimize" or not knobs or len(rows) < len(knobs) + 5:
        return ""
    x = np.array([[float(t.params[name]) for name in knobs] for t in rows])
    y = np.array([t.intermediate_values[min(t.intermediate_values)] for t in rows])
    x, y = x - x.mean(axis=0), y - y.mean()
    if not np.isfinite(y).all() or y.std() == 0:
        return ""
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    explained = 1 - float(((y - x @ slopes) ** 2).sum() / (y**2).sum())
    parts = slopes * x.std(axis=0) / y.std()
    weights = [name for name, part in zip(knobs, parts, strict=True) if part > PART]
    if explained < EXPLAINED or not weights:
        return ""
    return (
        f"The objective {spec.objective} moves with {' and '.join(weights)} as a weighted sum does: its first value in "
        f"each trial is a straight line in them ({explained:.0%} of its variance). Then the smallest weight wins by "
        "arithmetic, since it has less to add. Let the script report the terms without their weights, or a score."
    )


def no_rung(pruner: BasePruner, ended: Sequence[FrozenTrial]) -> str:
    """That no trial could be judged, with the reason."""
    if not isinstance(pruner, RungPruner) or len(ended) < pruner.min_peers or any(map(pruner.meets, ended)):
        return ""
    if not pruner.rungs:
        return f"No trial met a rung: a training of {pruner.epochs} epochs has none, so that nothing was pruned."
    steps = sorted({step for t in ended for step in t.intermediate_values})
    reported = ", ".join(map(str, steps[:5])) + (", ..." if len(steps) > 5 else "")
    return (
        f"No trial met a rung, so that nothing was pruned: rungs stand at epoch {', '.join(map(str, pruner.rungs))} of "
        f"{pruner.epochs}, and the script reported its objective at {reported or 'none'}. Let it evaluate earlier, or "
        "set training.epochs to how far its own numbers go."
    )


def _late_start(ended: Sequence[FrozenTrial]) -> str:
    """Trials whose first epoch is later than that of others: they probably went on from another trial's checkpoint."""
    firsts = {t.number: min(t.intermediate_values) for t in ended if t.intermediate_values and not diverged(t)}
    usual = min(firsts.values(), default=0)
    late = [n for n, first in firsts.items() if first > usual]
    if not late:
        return ""
    return (
        f"{_trials(late)} began at epoch {min(firsts[n] for n in late)}, where others began at {usual}: most likely "
        "the script went on from what another trial had left in a shared folder, so that the value is not that "
        "trial's. Write checkpoints to {output}, or set script: {isolate: true}."
    )


def _shared_files(ended: Sequence[FrozenTrial]) -> str:
    """Files that each completed trial has written in the folder that they share."""
    done = [t for t in ended if t.state == TrialState.COMPLETE]
    if len(done) < 2:
        return ""
    names = set.intersection(*(set(TrialRecord.of(t).result.wrote) for t in done))
    # Of trials that ran side by side nobody can tell which one wrote.
    if not names or not any(_apart(a, b) for a, b in combinations(done, 2)):
        return ""
    shown = ", ".join(sorted(names)[:MOST_NAMES]) + (" and others" if len(names) > MOST_NAMES else "")
    return (
        f"Trials write the same files in the script's folder ({shown}): what one leaves there another may read. Let "
        "them write to {output}, or set script: {isolate: true}."
    )


def _apart(a: FrozenTrial, b: FrozenTrial) -> bool:
    if not (a.datetime_start and a.datetime_complete and b.datetime_start and b.datetime_complete):
        return False
    return a.datetime_complete <= b.datetime_start or b.datetime_complete <= a.datetime_start


def _odd(ended: Sequence[FrozenTrial]) -> list[str]:
    """How metrics were read, each rule once with the trials that it was needed for."""
    who: dict[str, list[int]] = {}
    for trial in ended:
        for text in TrialRecord.of(trial).result.notes:
            who.setdefault(text, []).append(trial.number)
    return [f"{_trials(numbers)}: {text}." for text, numbers in list(who.items())[:5]]


def _trials(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return f"Trial{'s' if len(numbers) > 1 else ''} {shown}" + (f" and {len(numbers) - 5} more" if numbers[5:] else "")

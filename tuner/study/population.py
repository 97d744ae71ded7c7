"""How many trials are wanted at once, as it was asked for; tuner/worker/calibrate.py finds what is fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import InputError
from tuner.storage.record import Population, StudyRecord, write_study

if TYPE_CHECKING:
    import optuna

SHARE = 2
"""At most one in so many of a study's trials are trained at the same moment, all workers together: a sampler that has
seen too little searches at random."""


def parse(given: str | None) -> int | None:
    """`--population`: a number, or None for `auto`. Raises InputError for anything else."""
    if given is None or given == "auto":
        return None
    if not given.isdigit() or int(given) < 1:
        raise InputError(f"--population must be auto or a number of trials, at least 1; found {given!r}")
    return int(given)


def ask(study: optuna.Study, given: str | None, most: int) -> None:
    """Note in a study how many members are wanted at once, and how many to try at most; without a word, what it has
    stays."""
    known = StudyRecord.of(study).population
    asked = Population(parse(given), known.most if known else max(1, most))
    if known is None or (given is not None and known != asked):
        write_study(study, population=asked, populations={})

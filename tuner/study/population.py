"""How many trials are wanted at once, as it was asked for; tuner/worker/calibrate.py finds what is fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import InputError

if TYPE_CHECKING:
    import optuna

ASKED, CHOSEN = "population", "populations"
"""Attributes of an Optuna study: {"asked": K or None for auto, "most": K}, and what was chosen, by device."""
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
    known = study.user_attrs.get(ASKED)
    asked = {"asked": parse(given), "most": known["most"] if known else max(1, most)}
    if known is None or (given is not None and known != asked):
        study.set_user_attr(ASKED, asked)
        study.set_user_attr(CHOSEN, {})

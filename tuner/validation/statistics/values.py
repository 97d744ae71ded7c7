"""What the other modules are given: one finite number a block, paired, and what counts as a difference."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.errors import InputError, unknown

Array = NDArray[np.float64]
Direction = Literal["maximize", "minimize"]
NOISE = 1e-12
"""Relative size below which a difference is rounding of the arithmetic and counts as none."""


def finite(given: ArrayLike, fewest: int = 2, what: str = "differences") -> Array:
    """Finite numbers of shape (n,), at least `fewest`."""
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"{what}: expected one number a block, shape (n,), found shape {values.shape}")
    if len(values) < fewest:
        raise InputError(f"{what}: expected at least {fewest} pairs, found {len(values)}")
    if not np.isfinite(values).all():
        where = ", ".join(str(block) for block in np.flatnonzero(~np.isfinite(values)))
        raise InputError(
            f"{what}: expected finite numbers, found {values[~np.isfinite(values)][0]} (blocks {where}). How a "
            "diverged or failed run counts is the caller's to decide: give it the metric's worst value, never drop it"
        )
    return values


def paired_differences(baseline: ArrayLike, candidate: ArrayLike) -> Array:
    """candidate - baseline, with what is only rounding set to 0 so that ties are ties."""
    # Lengths first: of two arms the shorter one is the news, not that it may be too short.
    old, new = finite(baseline, 0, "the baseline"), finite(candidate, 0, "the candidate")
    if len(old) != len(new):
        raise InputError(f"expected both arms in each block, found {len(old)} of baseline and {len(new)} of candidate")
    differences = finite(new - old)
    return np.where(np.abs(differences) <= NOISE * np.maximum(np.abs(old), np.abs(new)), 0.0, differences)


def all_equal(values: Array) -> bool:
    """Whether the values differ by no more than rounding."""
    return bool(np.ptp(values) <= NOISE * np.abs(values).max())


def check_direction(direction: str) -> None:
    """Refuses what is no direction. Raises InputError."""
    if direction not in get_args(Direction):
        raise InputError(unknown("direction", direction, get_args(Direction)))


def check_plan(alpha: float, power: float, claims: int) -> None:
    """Refuses what no test can be planned with."""
    for what, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise InputError(f"{what}: expected a number between 0 and 1, found {value}")
    if power <= alpha:
        raise InputError(f"power: expected more than alpha ({alpha}), found {power}")
    if claims < 1:
        raise InputError(f"claims: expected at least 1, found {claims}")

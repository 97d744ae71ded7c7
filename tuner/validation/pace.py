"""How long a validation still takes, from what its blocks have reported since one began to look."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from optuna.trial import FrozenTrial, TrialState

from tuner.report.progress import time_left

SOON, ENOUGH = 60.0, 0.02
"""Before a whole block has been trained: seconds, and blocks, after which there is an estimate."""


class Pace:
    """Blocks trained since the first look, parts of one counted, and what is left at that pace."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: tuple[float, float] | None = None

    def left(self, blocks: Sequence[FrozenTrial], seeds: int) -> str:
        """What is left of so many seeds, in words; "" where it is too early to say. A block resumed counts from there.

        blocks: one trial each; those that wait or run are trained as far as they have reported.
        """
        trained, now = sum(map(share, blocks)), self._clock()
        if self._began is None:
            self._began = trained, now
        gained, seconds = trained - self._began[0], now - self._began[1]
        if gained < 1 and not (seconds >= SOON and gained >= ENOUGH):
            return ""
        return time_left(1, 3, 3 * seconds / gained * max(seeds - trained, 0.0))


def share(block: FrozenTrial) -> float:
    """How far a block is, from 0 to 1."""
    return 1.0 if block.state == TrialState.COMPLETE else max(block.intermediate_values.values(), default=0.0)

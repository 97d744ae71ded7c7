"""What local workers wait for (a database, room on the disk), for whoever watches them."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.launch.local import Process
from tuner.system.waiting import ENDINGS


class Waiting:
    """Called again and again: returns what is new since the last call."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes, self.known = processes, set[str]()

    def __call__(self) -> list[str]:
        """Lines to show."""
        # Whoever waits says so in its last line, until it goes on.
        now = {line for p in self.processes if (line := p.last_words()).endswith(ENDINGS)}
        said = sorted(now - self.known) if now or not self.known else ["going on"]
        self.known = now
        return said

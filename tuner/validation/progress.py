"""What a person sees while a validation runs: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.text import Text

from tuner.progress import bar, time_left
from tuner.region import Region
from tuner.validation.running import Look, Say, count


@contextmanager
def following(quiet: bool = False, console: Console | None = None) -> Iterator[tuple[Say, Look]]:
    """(say, look) for `validate`, on standard error: standard output is for the verdict."""
    console = console or Console(stderr=True, highlight=False)
    if quiet:
        yield lambda text: None, lambda blocks, seeds: None
    elif not console.is_terminal:
        yield _plain, count(_plain)
    else:
        with Region(console) as region:
            yield region.say, _live(region)


def _plain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _live(region: Region) -> Look:
    began, before, latest = time.monotonic(), -1, 0.0

    def look(blocks: Sequence[FrozenTrial], seeds: int) -> None:
        nonlocal before, latest
        done = sum(t.state == TrialState.COMPLETE for t in blocks)
        before = done if before < 0 else before
        latest = time.monotonic()
        region.draw(panel(blocks, seeds, (done - before, latest - began), region.console.width, region.console.height))

    return look


def panel(blocks: Sequence[FrozenTrial], seeds: int, pace: tuple[int, float], width: int, height: int) -> list[Text]:
    """A bar over the seeds, and each seed that is being trained; pace: seeds that ended in so many seconds."""
    done = sum(t.state == TrialState.COMPLETE for t in blocks)
    running = [t for t in blocks if t.state == TrialState.RUNNING]
    shares = [max(t.intermediate_values.values(), default=0.0) for t in running]
    # Half a block trained is half a block less to wait for.
    left = time_left(seeds - done, *pace) if pace[0] >= 3 else _first_guess(seeds - done, sum(shares), *pace)
    lines = [bar("validate", done / max(seeds, 1), f"{done}/{seeds} seeds, {left}", width)]
    for trial, share in list(zip(running, shares, strict=True))[: max(height - 3, 1)]:
        lines.append(bar(f"  seed {trial.number + 1}", share, f"{share:.0%}", width))
    return lines


def _first_guess(remaining: int, under_way: float, ended: int, seconds: float) -> str:
    """Before three seeds are done, blocks count by the share that is trained; nothing before one whole block."""
    whole = ended + under_way
    return time_left(1, 3, 3 * seconds / whole * (remaining - under_way)) if whole >= 1 else "estimating time left"

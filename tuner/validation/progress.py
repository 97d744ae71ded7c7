"""What a person sees while a validation runs: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.text import Text

from trainer.text import printable
from tuner.report.progress import bar
from tuner.report.terminal import Region
from tuner.system.output import LAYOUT, Terminal
from tuner.validation.pace import Pace, share
from tuner.validation.running import Look, Say, count


@contextmanager
def following(quiet: bool = False, console: Console | None = None) -> Iterator[tuple[Say, Look]]:
    """(say, look) for `validate`, on standard error: standard output is for the verdict."""
    console = console or Terminal(stderr=True)
    if quiet:
        yield lambda text: None, lambda blocks, seeds: None
    elif not console.is_terminal:
        yield _plain, count(_plain)
    else:
        with Region(console) as region:
            yield region.say, _live(region)


def _plain(text: str) -> None:
    print(printable(text, keep=LAYOUT), file=sys.stderr, flush=True)


def _live(region: Region) -> Look:
    pace = Pace()

    def look(blocks: Sequence[FrozenTrial], seeds: int) -> None:
        region.draw(panel(blocks, seeds, pace.left(blocks, seeds), region.console.width, region.console.height))

    return look


def panel(blocks: Sequence[FrozenTrial], seeds: int, left: str, width: int, height: int) -> list[Text]:
    """A bar over the seeds, and each seed that is being trained; left: how long it still takes."""
    done = sum(t.state == TrialState.COMPLETE for t in blocks)
    running = [t for t in blocks if t.state == TrialState.RUNNING]
    lines = [bar("validate", done / max(seeds, 1), f"{done}/{seeds} seeds, {left or 'estimating time left'}", width)]
    lines += [bar(f"  seed {t.number + 1}", share(t), f"{share(t):.0%}", width) for t in running[: max(height - 3, 1)]]
    return lines

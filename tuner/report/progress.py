"""What a person sees while a study runs: a calm live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.text import Text

from tuner.report.terminal import Region
from tuner.spec.model import Spec
from tuner.storage import opening
from tuner.storage.record import TrialRecord, best_of, diverged, epochs_run, reason
from tuner.study.study import Study

BARS = "▁▂▃▄▅▆▇█"
STYLES = {"COMPLETE": "green", "PRUNED": "yellow", "FAIL": "red"}
REFRESH_SECONDS = 1.0
"""Reading the storage costs CPU time that trials could use."""
NARROW = 100
"""Columns below which a line says less."""


def watch(
    study: Study,
    going: Callable[[], bool],
    console: Console,
    quiet: bool = False,
    news: Callable[[], list[str]] = list,
) -> None:
    """Show progress until `going` says that the workers have ended; `news` is what they have to say besides."""
    if quiet:
        while going():
            time.sleep(0.2)
    elif console.is_terminal:
        _watch_live(study, going, console, news)
    else:
        _watch_plain(study, going, console, news)


def _watch_live(study: Study, going: Callable[[], bool], console: Console, news: Callable[[], list[str]]) -> None:
    began, before = time.monotonic(), _finished(opening.trials(study.optuna))
    shown = {t.number for t in before}
    with Region(console) as region:
        while True:
            more = going()
            trials = opening.trials(study.optuna)
            finished = _finished(trials)
            fresh = [t for t in finished if t.number not in shown]
            shown |= {t.number for t in fresh}
            if not more:
                region.say(*map(_line, fresh))
                return
            pace = (len(finished) - len(before), time.monotonic() - began)
            said = [*map(_line, fresh), *(Text(line, style="yellow") for line in news())]
            region.draw(panel(study, trials, pace, console.width, console.height), said)
            _wait(going)


def _watch_plain(study: Study, going: Callable[[], bool], console: Console, news: Callable[[], list[str]]) -> None:
    shown = {t.number for t in _finished(opening.trials(study.optuna))}
    while True:
        more = going()
        finished = _finished(opening.trials(study.optuna))
        for trial in finished:
            if trial.number not in shown:
                shown.add(trial.number)
                console.print(f"[{len(shown)}/{study.n_trials}] ", _line(trial), sep="", soft_wrap=True)
        for line in news():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if not more:
            return
        _wait(going)


def _wait(going: Callable[[], bool]) -> None:
    """Until the next refresh, or until the workers have ended."""
    until = time.monotonic() + REFRESH_SECONDS
    while going() and time.monotonic() < until:
        time.sleep(0.1)


def unfinished(study: Study) -> Callable[[], bool]:
    """For `watch` where others do the work: whether trials are left, asked of the storage once a second at most."""
    last, left = -math.inf, True

    def going() -> bool:
        nonlocal last, left
        if time.monotonic() - last > REFRESH_SECONDS:
            there = [t for t in opening.trials(study.optuna) if t.number < study.n_trials or t.state.name != "WAITING"]
            last, left = time.monotonic(), any(not t.state.is_finished() for t in there)
        return left

    return going


def _finished(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Finished trials in the order in which they ended."""
    found = [t for t in trials if t.state.is_finished()]
    return sorted(found, key=lambda t: (t.datetime_complete is not None and t.datetime_complete.timestamp(), t.number))


def _line(trial: FrozenTrial) -> Text:
    state, epochs = trial.state.name, epochs_run(trial)
    text = Text(f"{state.lower():<8} ", style=STYLES[state])
    value = "" if trial.value is None else f"{trial.value:.4f}"
    text.append(f"{value:<7}", style="bold" if state == "COMPLETE" else "dim")
    text.append(f"{epochs:>3} ep  {_title(trial)}", style="" if state == "COMPLETE" else "dim")
    if state == "FAIL" or diverged(trial):
        text.append(f"  {reason(trial)}", style=STYLES[state])
    return text


def panel(study: Study, trials: Sequence[FrozenTrial], pace: tuple[int, float], width: int, height: int) -> list[Text]:
    """The live part: a bar, the best so far, and each running trial with its curve.

    pace: trials that ended in so many seconds; width, height: of the terminal.
    """
    finished = [t for t in trials if t.state.is_finished()]
    pruned = sum(t.state == TrialState.PRUNED for t in finished)
    counts = f"{len(finished)}/{study.n_trials} trials, {pruned} pruned"
    if width >= NARROW:
        counts += f", {sum(epochs_run(t) for t in finished)} epochs"
    left = time_left(study.n_trials - len(finished), *pace)
    lines = [bar(study.name, len(finished) / max(study.n_trials, 1), f"{counts}, {left}", width)]
    best = best_of(trials, study.optuna.direction.name)
    if best is not None:
        lines.append(Text.assemble(("best ", "dim"), (f"{best.value:.4f} ", "bold green"), _title(best)))
    running = [t for t in trials if t.state == TrialState.RUNNING]
    room = max(height - 4, 1)
    lines += [_running(t, study.spec, 20 if width < NARROW else 40) for t in running[:room]]
    if len(running) > room:
        lines.append(Text(f"and {len(running) - room} more trials", style="dim"))
    return lines


def bar(name: str, share: float, words: str, width: int) -> Text:
    """A line with a progress bar that takes what room its words leave."""
    cells = min(max(width - len(name) - len(words) - 4, 8), 40)
    filled = round(share * cells)
    return Text.assemble(
        (name, "bold"), " ", ("━" * filled, "green"), ("━" * (cells - filled), "bright_black"), f" {words}"
    )


def _running(trial: FrozenTrial, spec: Spec, cells: int) -> Text:
    """One running trial: value, epoch, curve, name; the name gives way on a narrow terminal."""
    values = [v for _, v in sorted(trial.intermediate_values.items())]
    now = f"{values[-1]:.4f}" if values else ""
    epoch, budget = max(trial.intermediate_values, default=0), spec.training.epochs
    text = Text(f"{now:<6} {epoch:>3}/{budget} ")
    text.append(f"{sparkline(values, cells):<{cells}} ", style="cyan")
    record = TrialRecord.of(trial)
    if epoch == budget and record.is_baseline:
        # Minutes in which no curve grows: what goes on matters more than the knobs.
        more = min(len(record.replicates) + 1, spec.search.replicates)
        text.append(f"#{trial.number} (baseline), other seeds: {more} of {spec.search.replicates}")
    else:
        text.append(_title(trial))
    return text


def time_left(remaining: int, ended: int, seconds: float) -> str:
    """From the pace of this session; nothing before three have ended."""
    if ended < 3:
        return "estimating time left"
    left = seconds / ended * remaining
    if left >= 5400:
        return f"about {left / 3600:.1f} h left"
    return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"


def sparkline(values: list[float], width: int) -> str:
    """A curve in `width` characters at most, scaled to its own range."""
    if len(values) > width:
        step = len(values) / width
        values = [values[int((i + 1) * step) - 1] for i in range(width)]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[int((v - low) / span * (len(BARS) - 1))] for v in values)


def _title(trial: FrozenTrial) -> str:
    return TrialRecord.of(trial).title(trial.number)

"""What a person sees while a study runs: a calm live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tuner import storage
from tuner.study import Study
from tuner.summary import best_of, epochs_run, label, reason, title

BARS = "▁▂▃▄▅▆▇█"
STYLES = {"COMPLETE": "green", "PRUNED": "yellow", "FAIL": "red"}


def watch(study: Study, going: Callable[[], bool], console: Console, quiet: bool = False) -> None:
    """Show progress until `going` says that the workers have ended."""
    if quiet:
        while going():
            time.sleep(0.2)
    elif console.is_terminal:
        _watch_live(study, going, console)
    else:
        _watch_plain(study, going, console)


def _watch_live(study: Study, going: Callable[[], bool], console: Console) -> None:
    began, before = time.monotonic(), _finished(storage.trials(study.optuna))
    shown = {t.number for t in before}
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            more = going()
            trials = storage.trials(study.optuna)
            finished = _finished(trials)
            for trial in finished:
                if trial.number not in shown:
                    shown.add(trial.number)
                    live.console.print(_line(trial), overflow="ellipsis", no_wrap=True)
            if not more:
                return
            live.update(_panel(study, trials, len(finished) - len(before), time.monotonic() - began))
            _wait(going)


def _watch_plain(study: Study, going: Callable[[], bool], console: Console) -> None:
    shown = {t.number for t in _finished(storage.trials(study.optuna))}
    while True:
        more = going()
        finished = _finished(storage.trials(study.optuna))
        for trial in finished:
            if trial.number not in shown:
                shown.add(trial.number)
                console.print(f"[{len(shown)}/{study.n_trials}] ", _line(trial), sep="", soft_wrap=True)
        if not more:
            return
        _wait(going)


def _wait(going: Callable[[], bool]) -> None:
    """Until the next refresh, or until the workers have ended."""
    until = time.monotonic() + REFRESH_SECONDS
    while going() and time.monotonic() < until:
        time.sleep(0.1)


REFRESH_SECONDS = 1.0
"""Reading the storage costs CPU time that trials could use."""


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
    why = reason(trial)
    if state == "FAIL" or why.startswith("diverged"):
        text.append(f"  {why}", style=STYLES[state])
    return text


def _panel(study: Study, trials: list[FrozenTrial], ended: int, seconds: float) -> Group:
    """The live part: a bar, the best so far, and each running trial with its curve."""
    finished, total = _finished(trials), study.n_trials
    left = _time_left(study, len(finished), ended, seconds)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(study.name, style="bold"),
        ProgressBar(total=total, completed=len(finished), width=24),
        f"{len(finished)}/{total} trials",
        f"{sum(epochs_run(t) for t in finished)} epochs",
        Text(left, style="dim"),
    )
    rows: list[RenderableType] = [bar]
    best = best_of(trials, study.optuna.direction.name)
    if best is not None:
        found = Text.assemble(("best ", "dim"), (f"{best.value:.4f} ", "bold green"), _title(best))
        found.no_wrap, found.overflow = True, "ellipsis"
        rows.append(found)
    budget = study.spec.training.epochs
    for trial in (t for t in trials if t.state == TrialState.RUNNING):
        rows.append(_running(trial, budget))
    return Group(*rows)


def _running(trial: FrozenTrial, budget: int) -> Text:
    """One running trial: value, epoch, curve, name; the name gives way on a narrow terminal."""
    values = [v for _, v in sorted(trial.intermediate_values.items())]
    now = f"{values[-1]:.4f}" if values else ""
    epoch = max(trial.intermediate_values, default=0)
    text = Text(f"{now:<6} {epoch:>3}/{budget} ", no_wrap=True, overflow="ellipsis")
    text.append(f"{sparkline(values, 20):<20} ", style="cyan")
    text.append(_title(trial))
    if epoch == budget and trial.user_attrs.get("plan") == "baseline":
        text.append(", now under other seeds", style="dim")
    return text


def _time_left(study: Study, finished: int, ended: int, seconds: float) -> str:
    """From the pace of this session; nothing before three trials have ended."""
    if ended < 3:
        return "estimating time left"
    left = seconds / ended * (study.n_trials - finished)
    return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"


def sparkline(values: list[float], width: int) -> str:
    """A curve in `width` characters at most: the newest values, scaled to their own range."""
    if len(values) > width:
        step = len(values) / width
        values = [values[int((i + 1) * step) - 1] for i in range(width)]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[int((v - low) / span * (len(BARS) - 1))] for v in values)


def _title(trial: FrozenTrial) -> str:
    if "config" not in trial.user_attrs:
        return f"#{trial.number}"
    return title(trial.number, trial.user_attrs["config"], label(trial.user_attrs))

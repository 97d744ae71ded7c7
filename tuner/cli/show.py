"""What verbs print about a study."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tuner.cli.options import program
from tuner.system.output import Terminal

if TYPE_CHECKING:
    from tuner.spec.model import Spec
    from tuner.study.study import Study

out = Terminal()
MOST_NUMBERS = 40
"""Trials named for a reason; `status --json` has all of them."""


def show_result(study: Study, summary: dict[str, Any], options: str) -> None:
    """The end of `start`; options: what the next commands need to find the same state."""
    from tuner.report import note

    trials = summary["trials"]
    out.print(
        f"\n{trials['complete']} trials completed, {trials['pruned']} pruned, {trials['failed']} failed; "
        f"{summary['epochs_run']} epochs trained of {summary['epochs_full']} "
        f"({note.saved(summary):.0%} saved by pruning)",
        soft_wrap=not out.is_terminal,
    )
    show_comparison(summary, study.spec)
    if study.report.exists():
        out.print(f"\nreport: {study.report}", soft_wrap=True)
    out.print("\nNext:")
    commands = note.next_commands(summary, options, program())
    width = max(len(command) for command, _ in commands)
    beside = not out.is_terminal or width + max(len(what) for _, what in commands) + 4 <= out.width
    for command, what in commands:
        # A command is never broken: it is there to be copied.
        out.print(f"  {command:<{width if beside else 0}}", end="  " if beside else "\n      ", soft_wrap=True)
        out.print(what, style="dim", soft_wrap=not out.is_terminal)
    show_answer(summary)


def show_answer(summary: dict[str, Any]) -> None:
    """What the study hands out, in a line."""
    from tuner.report import answer

    if summary["answer"]:
        out.print("\nanswer: ", style="bold", end="")
        out.print(answer.sentence(summary["answer"]), markup=False, soft_wrap=True)


def show_queued(summary: dict[str, Any], options: str) -> None:
    """The end of `start --detach`; options as in `show_result`."""
    waiting = f": {summary['trials']['waiting']} trials wait for workers"
    out.print(Text.assemble((summary["name"], "bold"), waiting), soft_wrap=True)
    commands = {
        f"{program()} worker{options}": "works on it; start one a GPU or core, wherever the storage is reached",
        f"{program()} status {summary['name']}{options}": "how far it is",
    }
    width = max(map(len, commands))
    for command, what in commands.items():
        out.print(Text.assemble(f"  {command:<{width}}  ", (what, "dim")), soft_wrap=True)


def show_comparison(summary: dict[str, Any], spec: Spec) -> None:
    """Best, baseline and plans, and what a reader must know."""
    from tuner.report import note

    rows = note.comparison(summary)
    if rows:
        table = Table(*note.header(summary), box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row, style="bold" if row[0] == "best" else "")
        out.print()
        out.print(table)
    if summary["best"]:
        knobs = "  ".join(
            f"{knob}={note.show(value)}" for knob, value in note.telling(summary["best"]["params"], spec).items()
        )
        out.print(f"\nbest: {knobs}", soft_wrap=not out.is_terminal)
    for text in note.remarks(summary, spec):
        out.print(Text.assemble("\n", ("•", "yellow"), f" {text}"), soft_wrap=not out.is_terminal)


def show_status(summary: dict[str, Any], spec: Spec) -> None:
    """How far a study is."""
    trials = ", ".join(f"{count} {kind}" for kind, count in summary["trials"].items() if count)
    out.print(Text.assemble((summary["name"], "bold"), f": {summary['state']}; {trials}"))
    out.print(
        f"{summary['metric']} ({summary['direction']}); {summary['epochs_run']} epochs of {summary['epochs_full']}"
    )
    show_comparison(summary, spec)
    show_answer(summary)
    for kind in ("pruned", "failed"):
        alike: dict[str, list[str]] = {}
        for trial, why in summary[kind].items():
            alike.setdefault(why, []).append(f"#{trial}")
        if alike:
            out.print(f"\n{kind}:")
        # By epoch: the numbers in a reason end with it.
        for why, numbers in sorted(alike.items(), key=lambda item: [int(n) for n in re.findall(r"\d+", item[0])]):
            more = f" and {len(numbers) - MOST_NUMBERS} more" if len(numbers) > MOST_NUMBERS else ""
            who = f"{' '.join(numbers[:MOST_NUMBERS])}{more}"
            out.print(Text.assemble(f"  {len(numbers)} {why}: ", (who, "dim")), soft_wrap=not out.is_terminal)

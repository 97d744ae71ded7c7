"""`tuner data`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.cli._verb import Verb
from tuner.cli.options import AsJson, Device, Quiet, State, Storage, Tracking
from tuner.cli.show import out
from tuner.system.place import STATE

PARTS = ("train", "validation", "test")


def data(
    file: Annotated[str, typer.Argument(help="A .npz file, a feature pickle, or a folder with MELD's CSVs.")],
    convert: Annotated[Path | None, typer.Option(help="Also write the data as .npz.")] = None,
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """What a data file holds: views, classes, splits, dialogues, and what is wrong with it."""
    from tuner.init import data_report

    found = data_report.report(file)
    if convert is not None:
        data_report.convert(file, convert)
    if as_json:
        print(json.dumps(found))
    elif not quiet:
        show(found, out)
        if convert is not None:
            out.print(f"\nwrote {convert}", soft_wrap=not out.is_terminal)


def show(found: dict[str, Any], console: Console) -> None:
    """The report on a terminal."""
    say = partial(console.print, soft_wrap=not console.is_terminal)
    splits, dialogues = found["splits"], found["dialogues"]
    parts = " / ".join(str(splits[name]) for name in PARTS)
    say(Text.assemble((found["name"], "bold"), f": source {found['source']}, {found['rows']} rows"))
    say(
        f"split {parts} train / validation / test, {_cut(found['split_given'])}"
        + (f"; {found['unlabelled']} rows without a label" if found["unlabelled"] else ""),
    )
    if dialogues:
        say(
            f"{dialogues['count']} dialogues of {dialogues['shortest']} .. {dialogues['longest']} rows (median "
            f"{dialogues['median']:g})" + (f", {found['speakers']} speakers" if found["speakers"] else ""),
        )
    if found["terms"]:
        say(found["terms"], style="dim")
    views = Table("view", "columns", "probe: validation", "test", "chance", box=None, pad_edge=False)
    for name, width in found["views"].items():
        p = found["linear_probe"][name]
        views.add_row(name, str(width), *(f"{p[k]:.3f}" if p else "" for k in ("validation", "test", "chance")))
    say()
    say(views)
    classes = Table("class", *PARTS, "share", box=None, pad_edge=False)
    for c in found["classes"]:
        classes.add_row(c["name"], *(str(c[part]) for part in PARTS), f"{c['share']:.1%}")
    say()
    say(classes)
    say()
    for problem in found["problems"]:
        say(Text.assemble(("•", "yellow"), f" {problem['text']}"))
    if not found["problems"]:
        say("no problem found")


def _cut(given: list[str]) -> str:
    if len(given) == len(PARTS):
        return "as given"
    return f"{' and '.join(given)} as given, the rest cut by seed" if given else "cut by seed"


VERBS = (Verb("data", data, order=110, examples=("tuner data my_features.pkl",)),)

"""`tuner status` and `tuner list`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated

import typer
from rich.table import Table

from tuner.cli._verb import Verb
from tuner.cli.options import AsJson, Device, Quiet, State, Storage, Tracking, open_place
from tuner.cli.show import out, show_status
from tuner.errors import InputError
from tuner.study.find import existing, latest
from tuner.system.place import STATE


def status(
    name: Annotated[str | None, typer.Argument(help="Default: the study that was made last.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it live until it is done; Ctrl-C ends.")] = False,
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """How far a study is, the best so far, what was pruned and why."""
    from tuner.storage.store import Store
    from tuner.study.study import open_study
    from tuner.study.summary import summarise

    place = existing(open_place(state, storage, tracking_uri))
    store = Store.of(place)
    study = open_study(store, name or latest(store))
    if watch:
        from tuner.report import progress

        with suppress(KeyboardInterrupt):
            progress.watch(study, progress.unfinished(study), out, quiet or as_json)
    summary = summarise(study)
    if as_json:
        print(json.dumps(summary))
    elif not quiet:
        show_status(summary, study.spec)


def list_studies(
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The studies in the storage."""
    from tuner.report.note import number
    from tuner.storage.store import Store
    from tuner.study.study import open_study
    from tuner.study.summary import summarise

    place = open_place(state, storage, tracking_uri)
    found = []
    if place.made:
        store = Store.of(place)
        for name in store.names():
            try:
                found.append(summarise(open_study(store, name)))
            except InputError:
                continue  # a study that some other program keeps in the same storage
    if as_json:
        print(json.dumps(found))
    elif not quiet and not found:
        out.print(f"no study in {place.state} yet; make one with: tuner start")
    elif not quiet:
        table = Table("study", "state", "trials", "metric", "best", "baseline", box=None)
        for s in found:
            best, baseline = ((s[who] or {}).get("value") for who in ("best", "baseline"))
            done = sum(s["trials"][kind] for kind in ("complete", "pruned", "failed"))
            total = sum(s["trials"].values())
            table.add_row(s["name"], s["state"], f"{done}/{total}", s["metric"], number(best), number(baseline))
        out.print(table)


VERBS = (
    Verb(
        "status",
        status,
        order=30,
        examples=(
            "tuner status quickstart",
            "tuner status --watch",
        ),
    ),
    Verb("list", list_studies, order=40, examples=("tuner list",)),
)

"""`tuner doctor`."""

from __future__ import annotations

import json

import typer
from rich.text import Text

from tuner.cli._verb import Verb
from tuner.cli.options import AsJson, Device, Quiet, State, Storage, Tracking, open_place
from tuner.cli.show import out
from tuner.system.place import STATE

STYLES = {"ok": "green", "warning": "yellow", "broken": "red"}


def doctor(
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Check versions, device, disk, storage, MLflow and telemetry, and say what to mend; exit code 1 where broken."""
    from tuner.run.doctor import as_data, examine

    found = examine(open_place(state, storage, tracking_uri), device)
    broken = [finding for finding in found if finding.level == "broken"]
    if as_json:
        print(json.dumps(as_data(found)))
    elif not quiet:
        for f in found:
            line = Text.assemble((f"{f.level:<8}", STYLES[f.level]), " ", (f"{f.about:<10}", "bold"), f" {f.text}")
            out.print(line, soft_wrap=not out.is_terminal)
            if f.mend:
                out.print(f"{'':<20}mend: {f.mend}", soft_wrap=True)
        out.print("all is well" if not broken else f"{len(broken)} broken", style="red" if broken else "")
    if broken:
        raise typer.Exit(1)


VERBS = (Verb("doctor", doctor, order=170, examples=("tuner doctor",)),)

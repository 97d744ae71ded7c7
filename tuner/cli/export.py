"""`tuner export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Quiet, State, Storage, Tracking, open_place
from tuner.cli.show import out
from tuner.errors import InputError
from tuner.study.find import existing
from tuner.system.place import STATE


def formats(incomplete: str) -> list[str]:
    """For shell completion."""
    known = ("yaml", "json", "args", "hydra", "config", "python", "latex", "html")
    return [form for form in known if form.startswith(incomplete)]


def export(
    name: Annotated[str, typer.Argument(help="The study.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="yaml, json, args, hydra, config (the script's), python, latex; html: a report.",
            autocompletion=formats,
        ),
    ] = "yaml",
    trial: Annotated[int | None, typer.Option(min=0, help="The config of this trial instead of the answer.")] = None,
    best_seen: Annotated[
        bool, typer.Option("--best-seen", help="The config with the search's best value, proven or not.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The answer in the form that training code takes: the baseline where nothing is shown to beat it; or a report."""
    from tuner.report.export import export as render
    from tuner.report.export import provenance
    from tuner.spec import yaml
    from tuner.study.answer import trial_of
    from tuner.study.study import open_study
    from tuner.validation import said

    if trial is not None and best_seen:
        raise InputError("--trial and --best-seen each name a config: expected one of them, found both")
    study = open_study(existing(open_place(state, storage, tracking_uri)), name)
    chosen = None if form == "html" else trial_of(study, trial, best_seen)
    judged = said.of_trial(study, chosen) if chosen else None
    files = {"": render(study, form, judged, chosen)}
    if form in ("args", "hydra"):
        # Flags are read by other programs as they stand: where they came from goes beside them.
        files[".provenance.yaml"] = yaml.dump(provenance(study, judged, chosen))
    if output is None:
        print(files.pop(""), end="")
        for text in files.values():
            if not quiet:
                print("".join(f"# {line}\n" for line in text.splitlines()), end="", file=sys.stderr)
        return
    for ending, text in files.items():
        path = output.with_name(output.name + ending)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"--output {path} cannot be written: {error.strerror}") from None
        if not quiet:
            out.print(f"wrote {path}", soft_wrap=not out.is_terminal)


VERBS = (
    Verb(
        "export",
        export,
        order=70,
        examples=(
            "tuner export quickstart --format args",
            "tuner export quickstart --format html --output report.html",
        ),
    ),
)

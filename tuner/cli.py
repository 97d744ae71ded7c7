"""The command line: a table of verbs, each a plain function that Python code can call too.

Heavy imports (torch, Optuna, MLflow) happen inside the verbs, so that `--help` is quick.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tuner.errors import InputError

app = typer.Typer(
    name="tuner",
    help="Find the weights of the terms of a training loss, with evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
out = Console(highlight=False)

State = Annotated[Path, typer.Option("--state", envvar="TUNER_STATE", help="Folder that holds all state.")]
Storage = Annotated[
    str | None,
    typer.Option("--storage", envvar="TUNER_STORAGE", help="Optuna storage URL; default SQLite in the state folder."),
]
Tracking = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", envvar="TUNER_TRACKING_URI", help="MLflow tracking URI; default SQLite in the state folder."
    ),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary; errors and --json only.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

STATE = Path("mlruns")


def _place(state: Path, storage: str | None, tracking: str | None) -> Any:
    from tuner.study import Place

    return Place.at(state, storage, tracking)


@app.command(epilog="Example: `tuner start quickstart --trials 20`")
def start(
    study: Annotated[
        str | None, typer.Argument(help="A study in search_spaces/ or a path; default quickstart.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study; default the file's name.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all; more than before searches on.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a full training run.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one a GPU, or one a core.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    data: Annotated[str | None, typer.Option(help="Data file (.npz) instead of the study file's data.")] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Run a study to its end with live progress; run again, it resumes."""
    from tuner.start import run
    from tuner.study import open_study

    place = _place(state, storage, tracking_uri)
    summary = run(
        place,
        study,
        name=name,
        trials=trials,
        epochs=epochs,
        workers=workers,
        seed=seed,
        data=data,
        device=device,
        console=out,
        quiet=quiet,
    )
    if not quiet:
        _show_result(summary, open_study(place, summary["name"]).spec, _options(state))
    if summary["state"] == "failed":
        raise typer.Exit(1)


@app.command(epilog="Example: `tuner worker quickstart --state /shared/mlruns`")
def worker(
    name: Annotated[str, typer.Argument(help="The study to join.")],
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Join a study from anywhere that reaches its storage; ends when no trial waits."""
    from tuner import device as devices
    from tuner import worker as workers
    from tuner.launch import local
    from tuner.study import open_study
    from tuner.tracking import preload
    from tuner.validate import blocks

    preload()
    if not local.told_to_go():
        return
    resolved = devices.resolve(device)
    place = _place(state, storage, tracking_uri)
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    validation = blocks.open_validation(place, name)
    if validation is not None:
        count = blocks.work(validation, device=resolved, say=say)
    else:
        count = workers.work(open_study(place, name), device=resolved, say=say)
    say(f"nothing waits in {name}; this worker finished {count}")


@app.command(epilog="Example: `tuner validate --baseline baseline --candidate basic --seeds 8`")
def validate(
    study: Annotated[
        str | None, typer.Argument(help="A search whose best config is an arm too, or a study file.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="A plan, trial:N of STUDY, or a config file.")] = None,
    candidate: Annotated[str | None, typer.Option(help="What is compared with the baseline, likewise.")] = None,
    seeds: Annotated[int | None, typer.Option(min=2, help="Paired seeds; default 10.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a training run.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one a GPU, or one a core.")] = None,
    data: Annotated[str | None, typer.Option(help="Data file (.npz) instead of the study file's data.")] = None,
    claims: Annotated[
        str | None, typer.Option(help="Your own recommendation (YAML) instead of the shipped one.")
    ] = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds until every verdict is clear, --seeds at most.")
    ] = False,
    dose_response: Annotated[bool, typer.Option(help="Also train the weight over a grid.")] = True,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="0: every candidate better or equivalent, 3: inconclusive, 1: not.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The verdict on a recommendation, over fresh paired seeds, with its report."""
    from tuner.validate.run import show
    from tuner.validate.run import validate as run

    place = _place(state, storage, tracking_uri)
    # Progress goes to standard error, so that standard output is one JSON object or the verdict.
    say = (lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr, flush=True))
    result = run(
        place,
        study,
        baseline=baseline,
        candidate=candidate,
        seeds=seeds,
        epochs=epochs,
        workers=workers,
        data=data,
        claims=claims,
        until_decided=until_decided,
        dose_response=dose_response,
        device=device,
        lang=lang,
        say=say,
    )
    if as_json:
        print(json.dumps(result))
    elif not quiet:
        show(result, out)
    if exit_code:
        verdicts = {c["verdict"] for c in result["comparisons"] if c["candidate"] != "null"}
        raise typer.Exit(1 if "worse" in verdicts else 3 if "inconclusive" in verdicts else 0)


@app.command(epilog="Example: `tuner status quickstart --json`")
def status(
    name: Annotated[str | None, typer.Argument(help="Default: the study that was made last.")] = None,
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """How far a study is, the best so far, what was pruned and why."""
    from tuner.study import open_study
    from tuner.summary import summarise

    place = _existing(_place(state, storage, tracking_uri))
    study = open_study(place, name or _latest(place))
    summary = summarise(study)
    if as_json:
        print(json.dumps(summary))
    elif not quiet:
        _show_status(summary, study.spec)


@app.command("list", epilog="Example: `tuner list`")
def list_studies(
    as_json: AsJson = False,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The studies in the storage."""
    from tuner.note import number
    from tuner.storage import open_storage, study_names
    from tuner.study import open_study
    from tuner.summary import summarise

    place = _place(state, storage, tracking_uri)
    found = []
    if place.made:
        for name in study_names(open_storage(place.storage)):
            try:
                found.append(summarise(open_study(place, name)))
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


@app.command(epilog="Example: `tuner export quickstart --format args`")
def export(
    name: Annotated[str, typer.Argument(help="The study.")],
    form: Annotated[str, typer.Option("--format", help="yaml, json or args.")] = "yaml",
    output: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The best config in the form that training code takes."""
    from tuner.export import export as render
    from tuner.study import open_study

    text = render(open_study(_existing(_place(state, storage, tracking_uri)), name), form)
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise InputError(f"--output {output} cannot be written: {error.strerror}") from None
    if not quiet:
        out.print(f"wrote {output}")


@app.command(epilog="Example: `tuner ui --port 5001`")
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """The MLflow UI on 127.0.0.1, opened on the study's own view."""
    from tuner.ui import serve

    place = _existing(_place(state, storage, tracking_uri))
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    raise typer.Exit(serve(place, port, _latest(place), say))


def _existing(place: Any) -> Any:
    """Looking must not make an empty state folder."""
    if not place.made:
        raise InputError(f"no study in {place.state} yet; make one with: tuner start{_options(place.state)}")
    return place


def _latest(place: Any) -> str:
    from tuner.storage import open_storage

    storage = open_storage(place.storage)
    made = {s._study_id: s.study_name for s in storage.get_all_studies() if "spec" in s.user_attrs}
    if not made:
        raise InputError("no study yet; make one with: tuner start")
    return str(made[max(made)])


def _options(state: Path) -> str:
    """What the next command needs to find the same state."""
    there = Path(os.environ.get("TUNER_STATE", "mlruns"))
    return "" if state.absolute() == there.absolute() else f" --state {state}"


def _program() -> str:
    """How the tuner is called here: by name where it is on the path, else as it was installed."""
    script = Path(sys.executable).with_name("tuner")
    if shutil.which("tuner") or not script.exists():
        return "tuner" if shutil.which("tuner") else "python -m tuner"
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)


def _show_result(summary: dict[str, Any], spec: Any, options: str) -> None:
    from tuner import note

    trials = summary["trials"]
    out.print(
        f"\n{trials['complete']} trials completed, {trials['pruned']} pruned, {trials['failed']} failed; "
        f"{summary['epochs_run']} epochs trained of {summary['epochs_full']} "
        f"({note.saved(summary):.0%} saved by pruning)",
        soft_wrap=not out.is_terminal,
    )
    _show_comparison(summary, spec)
    out.print("\nNext:")
    commands = note.next_commands(summary, options, _program())
    width = max(len(command) for command, _ in commands)
    for command, what in commands:
        out.print(f"  {command:<{width}}  [dim]{what}[/dim]", soft_wrap=not out.is_terminal)


def _show_comparison(summary: dict[str, Any], spec: Any) -> None:
    from tuner import note

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
        out.print(f"\n[yellow]•[/yellow] {text}", soft_wrap=not out.is_terminal)


def _show_status(summary: dict[str, Any], spec: Any) -> None:
    trials = ", ".join(f"{count} {kind}" for kind, count in summary["trials"].items() if count)
    out.print(f"[bold]{summary['name']}[/bold]: {summary['state']}; {trials}")
    out.print(
        f"{summary['metric']} ({summary['direction']}); {summary['epochs_run']} epochs of {summary['epochs_full']}"
    )
    _show_comparison(summary, spec)
    for kind in ("pruned", "failed"):
        if summary[kind]:
            out.print(f"\n{kind}:")
            for trial, why in summary[kind].items():
                out.print(f"  #{trial} {why}", soft_wrap=not out.is_terminal)

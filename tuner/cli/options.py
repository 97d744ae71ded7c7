"""Options that all verbs take, and what they mean."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tuner.system.place import Place

State = Annotated[Path, typer.Option("--state", envvar="TUNER_STATE", help="Folder that holds all state.")]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar="TUNER_STORAGE",
        help="Optuna storage URL; default SQLite in the state folder. Flags are visible to everyone on a machine: "
        "a password belongs into TUNER_STORAGE or ~/.pgpass.",
    ),
]
Tracking = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", envvar="TUNER_TRACKING_URI", help="MLflow tracking URI; default SQLite in the state folder."
    ),
]
Project = Annotated[
    Path | None,
    typer.Option("--project", envvar="TUNER_PROJECT", help="Folder with a study's files, where they have moved."),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Population = Annotated[
    str | None,
    typer.Option(
        "--population",
        metavar="K|auto",
        help="Trainings at once in a worker, as one model; auto, the default: as many as turn out fastest.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary; errors and --json only.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

DATA = "Data instead of the study file's: .npz, a feature pickle, a folder with MELD's CSVs."


def study_files(incomplete: str) -> list[str]:
    """For shell completion: the studies in search_spaces/, told from the recommendation by their knobs."""
    from search_spaces import __path__ as folders

    files = [path for folder in folders for path in sorted(Path(folder).glob("*.yaml"))]
    return [f.stem for f in files if f.stem.startswith(incomplete) and "\nknobs:" in f.read_text(encoding="utf-8")]


def open_place(state: Path, storage: str | None, tracking: str | None, project: Path | None = None) -> Place:
    """Where the options say that studies live."""
    from tuner.system.place import Place

    return Place.at(state, storage, tracking, project)


def program() -> str:
    """How the tuner is called here: by name where it is on the path, else as it was installed."""
    script = Path(sys.executable).with_name("tuner")
    if shutil.which("tuner") or not script.exists():
        return "tuner" if shutil.which("tuner") else "python -m tuner"
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)

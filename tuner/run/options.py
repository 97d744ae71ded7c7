"""What `tuner start` is asked for, on the command line and in Python alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuner.errors import InputError
from tuner.spec import file as study_file
from tuner.study.population import parse
from tuner.system import names


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """What a start is asked for; None keeps what the study has, else what its file says, else a default."""

    study: str | None = None
    """a name in search_spaces/ or a path; None for quickstart, or for the study that has the name"""
    name: str | None = None
    """of the study; by default the file's"""
    trials: int | None = None
    epochs: int | None = None
    workers: int | None = None
    """processes; None for as many as fit the machine"""
    seed: int | None = None
    data: str | None = None
    plans: Sequence[str] = ()
    """config files, each a plan by the file's name"""
    warm_start: str | None = None
    """an earlier study whose best configs are tried after the plans"""
    device: str | None = None
    population: str | None = None
    """trials at once in a worker, or `auto`"""
    detach: bool = False
    """only queue the study, for workers that wait for work (tuner/run/service.py)"""
    race: bool | None = None
    """whether its best trials race the baseline in the end; None for what the study says, else by what that costs"""
    quiet: bool = False
    try_knobs: bool = True
    """before the first trial of a script, look whether each of its knobs does anything"""

    def check(self) -> None:
        """Raise InputError for what is wrong whatever the study is."""
        if self.workers is not None and self.workers < 1:
            raise InputError(f"--workers must be at least 1; found {self.workers}")
        parse(self.population)
        names.check(self.label)
        if self.detach and self.workers is not None:
            raise InputError(
                "--detach starts no workers: leave --workers out, and run `tuner worker` where they should be"
            )

    @property
    def file(self) -> str:
        """The study file."""
        return self.study or "quickstart"

    @property
    def label(self) -> str:
        """The study's name."""
        return self.name or study_file.find(self.file).stem

    @property
    def changes(self) -> dict[str, Any]:
        """Settings that stand instead of the file's and cannot change once the study is made."""
        return {"epochs": self.epochs, "seed": self.seed, "data": self.data}

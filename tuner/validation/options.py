"""What `tuner validate` is asked for, on the command line and in Python alike."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass

from tuner.errors import InputError, unknown
from tuner.study.population import parse
from tuner.validation import naming
from tuner.validation.report import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """What a validation is asked for; None stands for the study's, the recommendation's or a default value."""

    study: str | None = None
    """a search in the storage (its best config becomes an arm), or a study file (its data and model are used)"""
    baseline: str | None = None
    """a plan's or arm's name, `trial:N` of the study, or a config file; baseline and candidate go together"""
    candidate: str | None = None
    seeds: int | None = None
    """paired seeds; the most of them where until_decided"""
    epochs: int | None = None
    workers: int | None = None
    """processes; None for as many as fit the machine"""
    data: str | None = None
    claims: str | None = None
    """file with a recommendation of one's own"""
    margin: float | None = None
    """differences below it do not matter in practice, in the primary metric's unit"""
    until_decided: bool = False
    dose_response: bool = True
    device: str | None = None
    population: str | None = None
    """arms at once, or `auto`"""
    lang: str = "en"
    """of the report: en or zh"""
    try_knobs: bool = True
    """look whether each knob of a script does anything, before the first run"""
    detach: bool = False
    """start no workers but queue blocks for those that wait for work"""

    def check(self) -> None:
        """Raise InputError for what is wrong whatever the study is."""
        if self.lang not in LANGUAGES:
            raise InputError(unknown("language", self.lang, LANGUAGES))
        if self.detach and self.workers is not None:
            raise InputError(
                "--detach starts no workers: leave --workers out, and run `tuner worker` where they should be"
            )
        parse(self.population)

    def check_arms(self) -> None:
        """Raise InputError where the arms or the margin cannot be meant so."""
        pair = self.baseline, self.candidate
        if (self.baseline is None) != (self.candidate is None) and pair != (naming.ORIGINAL, None):
            raise InputError("--baseline and --candidate go together; found only one of them")
        if self.margin is not None and not 0 < self.margin < math.inf:
            raise InputError(f"--margin must be above 0; found {self.margin:g}")

    @property
    def command(self) -> str:
        """What makes the same validation again, as text that a shell takes."""
        words = ["tuner", "validate", *([self.study] if self.study else [])]
        for name in ("baseline", "candidate", "seeds", "epochs", "data", "claims", "margin"):
            value = getattr(self, name)
            words += [] if value is None else [f"--{name}", str(value)]
        words += ["--until-decided"] if self.until_decided else []
        words += [] if self.dose_response else ["--no-dose-response"]
        return shlex.join(words)

"""Sections of the study file: data, search, the range of a knob, its flags, the export."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from trainer.knobs import Knob
from tuner.errors import InputError
from tuner.spec.section import Section, Word

Value = bool | int | float | str | None
"""Of a knob."""


class DataSection(Section):
    """What is trained on."""

    source: str = "htad"
    """A file name in trainer/data/sources/: htad (embedded), npz, iemocap, meld, cogmen, mmsa, meld_csv. Where there
    is a path, the source can be left out: it is recognised from what the file holds."""
    path: str | None = None
    """The data file, or folder of CSVs, for a source that reads one; relative to the study file."""
    labels: float = Field(default=1.0, gt=0, le=1)
    """Share of the training rows that keep their label (stratified, by seed); the others only get reconstructed."""


def _by_value(given: Any) -> Any:
    """YAML reads the keys 0 and 1.0 as numbers."""
    return {str(key): text for key, text in given.items()} if isinstance(given, dict) else given


class SearchSection(Section):
    """How the knobs are searched."""

    trials: int = Field(default=40, ge=1)
    """Trials in all, the baseline and the plans among them; whatever the number of workers."""
    sampler: Literal["tpe", "gp", "random"] = "tpe"
    """tpe compares trials at a rung, pruned and running ones too; gp learns from completed ones and asks slower as they
    add up."""
    startup_trials: int = Field(default=10, ge=0)
    """Trials that have ended or come to a rung before the sampler starts to model; the baseline and the plans count."""
    pruner: Literal["rungs", "none"] = "rungs"
    """rungs stops all but the best share of trials at a few epochs; none trains all of them to the end."""
    first_rung: float = Field(default=0.1, gt=0, lt=1)
    """First rung as a share of the epochs; each further rung is twice as late, up to half of the epochs."""
    reduction: float = Field(default=3.0, gt=1)
    """One in so many trials passes a rung."""
    min_peers: int = Field(default=4, ge=1)
    """Trials that must have reached a rung before it stops anyone."""
    replicates: int = Field(default=3, ge=0)
    """Extra runs of the baseline with other seeds: they show how much a result moves by chance alone."""
    race: bool | None = None
    """Whether the best few trials race the baseline under fresh seeds once the search is over. By default they do where
    that costs about as much as the search did at most."""


class Range(Section):
    """Where a knob is searched: low and high (and log), or choices."""

    low: float | None = None
    """Smallest value, for a number."""
    high: float | None = None
    """Largest value, for a number."""
    log: bool = False
    """Search on a log scale."""
    choices: list[Word] | None = None
    """The values to choose from, for a word."""
    kind: Literal["float", "int"] | None = None
    """Of a script's number: float by default, or int."""
    when: dict[str, Word] | None = None
    """The choice of another knob with which a script's knob exists at all, {loss: focal} say."""

    def check(self, name: str, knob: Knob) -> None:
        """Raise InputError where this range makes no sense for the knob `name`."""
        if knob.kind == "word":
            if self.choices is None or self.low is not None or self.high is not None or self.log or self.kind:
                raise InputError(f"{name} is a word: expected choices (of {', '.join(knob.choices)})")
            if not self.choices or len(set(self.choices)) < len(self.choices):
                raise InputError(f"{name}: expected at least one choice, each once; found {self.choices}")
            for choice in self.choices:
                knob.check(name, choice)
            return
        if self.choices is not None or self.low is None or self.high is None:
            raise InputError(f"{name} is a number: expected low and high")
        if self.low >= self.high:
            raise InputError(f"{name}: expected low below high; found low {self.low:g} and high {self.high:g}")
        if self.log and self.low <= 0:
            raise InputError(
                f"{name}: a log range needs low above 0; found {self.low:g}. Raise low, or leave log out to include 0"
            )
        knob.check(name, self.low)
        knob.check(name, self.high)

    def plain(self) -> bool:
        """Whether it says nothing that only a script's knob can say."""
        return self.kind is None and self.when is None

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        if self.choices is not None:
            return value in self.choices
        assert self.low is not None and self.high is not None
        return bool(self.low <= value <= self.high)

    def describe(self) -> str:
        """The range in a few characters."""
        if self.choices is not None:
            return "one of " + ", ".join(self.choices)
        return f"{self.low:g} .. {self.high:g}" + (" (log)" if self.log else "")


Flags = str | dict[str, str]
"""A flag, or texts by value; see ExportSection."""


class ExportSection(Section):
    """How the best config is told to training code."""

    args: dict[str, Annotated[Flags, BeforeValidator(_by_value)]] | None = None
    """Flags of the training script by knob, JOYFUL's by default: `--name` is followed by the value, which {value} puts
    elsewhere (`--name={value}`); or a mapping from value to text (`{mse: "", smooth_l1: --use_smooth_l1}`), where *
    stands for any other value."""

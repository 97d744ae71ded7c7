"""What a study keeps in the storage. Only this file knows the names under which it is kept."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

from tuner.errors import InputError
from tuner.storage.record.trial import Origin

if TYPE_CHECKING:
    import optuna

FORMAT = 1
"""Of what is kept. Studies that say none have 1. Raise it where an older tuner would misread what is kept."""


class HasAttributes(Protocol):
    """A study as Optuna opens or lists it."""

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What it keeps."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Where a study or validation is in MLflow."""

    experiment_id: str
    run_id: str
    """of its parent run"""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the data is, in a few numbers."""

    name: str
    rows: int
    split: tuple[int, ...]
    """rows in train, validation and test"""
    labelled_train: int
    views: Mapping[str, int]
    """width of each"""
    classes: Sequence[str]
    dialogues: int | None = None
    terms: str = ""
    """of use"""
    remarks: Sequence[str] = ()
    """what is odd about its columns"""

    def shown_views(self, form: str = "{name} {width}") -> str:
        """The views and their widths in a line."""
        return ", ".join(form.format(name=name, width=width) for name, width in self.views.items())


@dataclass(frozen=True, slots=True)
class WarmConfig:
    """A config of an earlier study that is tried after the plans."""

    origin: Origin
    params: Mapping[str, Any]
    """the searched knobs"""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far apart values lie."""

    mean: float
    std: float
    """of the sample"""


@dataclass(frozen=True, slots=True)
class Replicates:
    """The baseline again under other seeds."""

    values: Sequence[float] = ()
    """best value of each that did not diverge"""
    epochs: int = 0
    """that all of them took"""

    def spread(self, *more: float) -> Spread | None:
        """Of the values and `more`; None for fewer than two finite ones."""
        finite = [value for value in (*self.values, *more) if math.isfinite(value)]
        return Spread(statistics.fmean(finite), statistics.stdev(finite)) if len(finite) > 1 else None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong with a study."""

    id: str
    text: str
    """what was seen, with figures"""
    check: str
    """what to look at"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a validation said of configurations of a study."""

    name: str
    """of the validation"""
    page: str
    """address of its report below MLflow's"""
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Population:
    """How many trials a worker trains at once, as it was asked for."""

    asked: int | None
    """None for as many as are fastest"""
    most: int
    """to try"""


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """What a study keeps. A study that has a spec is whole: the spec is written last."""

    spec: Mapping[str, Any] | None = None
    n_trials: int = 0
    runs: Runs | None = None
    data: DataFacts | None = None
    """None where a script reads its own"""
    data_fingerprint: str | None = None
    code: Mapping[str, str] = field(default_factory=dict)
    """fingerprint of each file of the user's own code"""
    versions: Mapping[str, str] = field(default_factory=dict)
    """that it was made with, by package"""
    state_folder: Path | None = None
    """when the paths in the spec were written down"""
    warm_start: Sequence[WarmConfig] = ()
    added_plans: Sequence[str] = ()
    """that came by `--plan` and not from the study file"""
    inert: Sequence[str] = ()
    """knobs of the study file that do nothing in the script, so that they are not searched"""
    detached: bool = False
    """nobody waits for its end: the worker that ends it writes the comparison"""
    finishing: float = 0.0
    """when a worker began to do so, in seconds since 1970"""
    finished_at: int | None = None
    """number of trials when the comparison was written"""
    replicates: Replicates | None = None
    speeds: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    """measures of a trial that need the baseline's best, by its number"""
    reference: Mapping[str, float] | None = None
    """scores of a logistic regression; None where there is no data"""
    has_reference: bool = False
    """whether the reference was looked for"""
    diagnosis: Sequence[Finding] = ()
    verdicts: Sequence[Verdict] = ()
    answer: Mapping[str, Any] | None = None
    """of its last race, as `Answer.as_data` writes it"""
    population: Population | None = None
    populations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """what was chosen, by device"""
    format: int = FORMAT

    @classmethod
    def of(cls, study: HasAttributes) -> StudyRecord:
        """Read what a study keeps, with one look at the storage."""
        attrs = study.user_attrs
        known = {name: _READ.get(name, _same)(attrs[key]) for name, key in _KEYS.items() if attrs.get(key) is not None}
        return cls(**known, has_reference=_KEYS["reference"] in attrs)

    @property
    def whole(self) -> bool:
        """Whether it is a study of ours, made to its end."""
        return self.spec is not None

    @property
    def baseline_values(self) -> list[float]:
        """The baseline's values under other seeds."""
        return list(self.replicates.values) if self.replicates else []


class StudyChanges(TypedDict, total=False):
    """What can be written, by the names of StudyRecord's fields."""

    spec: Mapping[str, Any]
    n_trials: int
    runs: Runs
    data: DataFacts | None
    data_fingerprint: str | None
    code: Mapping[str, str]
    versions: Mapping[str, str]
    state_folder: Path
    warm_start: Sequence[WarmConfig]
    added_plans: Sequence[str]
    inert: Sequence[str]
    detached: bool
    finishing: float
    finished_at: int
    replicates: Replicates
    speeds: Mapping[int, Mapping[str, float]]
    reference: Mapping[str, float] | None
    diagnosis: Sequence[Finding]
    verdicts: Sequence[Verdict]
    answer: Mapping[str, Any]
    population: Population
    populations: Mapping[str, Mapping[str, Any]]
    format: int


def write_study(study: optuna.Study, **changes: Unpack[StudyChanges]) -> None:
    """Keep something with a study, in the order in which it is given."""
    for name, value in changes.items():
        study.set_user_attr(_KEYS[name], plain(value))


def check_format(found: int, what: str) -> None:
    """Raises InputError where `what` was made by a tuner that keeps things in another way."""
    if found > FORMAT:
        raise InputError(
            f"{what} was made by a newer tuner: its record has format {found}, this one reads up to {FORMAT}; "
            "install that version, or choose another --name"
        )


def plain(value: Any) -> Any:
    """A record as what JSON can hold."""
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _same(kept: Any) -> Any:
    return kept


def _into(kind: Callable[..., Any]) -> Callable[[Any], Any]:
    """Reads the fields that a kind of record has, of what was kept."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]

    def read(kept: Mapping[str, Any]) -> Any:
        return kind(**{name: value for name, value in kept.items() if name in names})

    return read


def _each(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda kept: tuple(read(one) for one in kept)


def _warm(kept: Mapping[str, Any]) -> WarmConfig:
    # Flat in the storage.
    origin = kept.get("origin") or kept
    return WarmConfig(Origin(origin["study"], origin["trial"], origin["value"]), kept["params"])


def _data(kept: Mapping[str, Any]) -> DataFacts:
    return DataFacts(**{**kept, "split": tuple(kept["split"])})


_KEYS = {one.name: one.name for one in fields(StudyRecord) if one.name != "has_reference"} | {"runs": "mlflow"}
"""The user attribute of the Optuna study in which a field is kept."""
_READ: dict[str, Callable[[Any], Any]] = {
    "runs": _into(Runs),
    "data": _data,
    "state_folder": Path,
    "warm_start": _each(_warm),
    "replicates": _into(Replicates),
    "speeds": lambda kept: {int(number): measures for number, measures in kept.items()},
    "diagnosis": _each(_into(Finding)),
    "verdicts": _each(_into(Verdict)),
    "population": _into(Population),
}

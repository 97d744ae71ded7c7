"""What is known of a script: its options, its findings, what it logs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

ENVIRONMENT = "os.environ"
"""The `function` of an option that is an environment variable."""
Kind = Literal["float", "int", "word", "switch"]


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a script that can be changed without an edit."""

    name: str
    """of the knob in the study file; an identifier"""
    key: str
    """as the code reads it: `beta` of `args.beta`, or the dotted path of a config, `model.beta`"""
    flag: str
    """what stands before the value on the command line: `--beta`, `model.beta=`"""
    kind: Kind
    default: Any = None
    choices: tuple[str, ...] = ()
    off: str = ""
    """of a switch: the flag that turns it off, where it is on by default"""
    config: bool = False
    """whether it is a key of the config file that the command names"""
    function: str = ""
    """of click, typer and LightningCLI: the function whose parameter it is; elsewhere it is read from a namespace"""
    where: str = ""
    """file:line"""

    @property
    def stuck(self) -> bool:
        """Whether it is a switch that is on and has no flag that turns it off."""
        return self.kind == "switch" and bool(self.default) and not self.off

    def placed(self) -> str:
        """Its piece of the study file's command."""
        if self.kind == "switch":
            on = f"{{{self.name}:{self.flag} if true}}" if self.flag else ""
            return " ".join(filter(None, [on, f"{{{self.name}:{self.off} if false}}" if self.off else ""]))
        return self.given(f"{{{self.name}}}")

    def given(self, value: str) -> str:
        """The flag with a value or a placeholder."""
        return f"{self.flag}{value}" if self.flag.endswith("=") else f"{self.flag} {value}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """A number in the code that multiplies a term."""

    name: str
    """of the constant that holds it; empty where it stands in the product itself"""
    value: float
    where: str
    """file:line"""
    weighs: str = ""
    """what else stands in the product"""


@dataclass(frozen=True, slots=True)
class Term:
    """One addend of the loss."""

    text: str
    where: str
    weights: tuple[str, ...] = ()
    """names of the options that multiply it, each once"""
    shapes: frozenset[str] = frozenset()
    """names of the options that change it otherwise: an argument of its function, a branch that selects it"""
    fixed: tuple[Fixed, ...] = ()
    """numbers in the code that multiply it"""


FindingKind = Literal[
    "weightless",
    "fixed",
    "inert",
    "multiply",
    "scales",
    "seed",
    "test",
    "writes",
    "resumes",
    "metrics",
    "objective",
    "none",
    "slow",
    "fails",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that would mislead a study, or that a person has to look at."""

    kind: FindingKind
    text: str
    options: tuple[str, ...] = ()
    where: str = ""
    tried: bool = False
    """whether a run showed it; else the code says so"""


@dataclass(frozen=True, slots=True)
class Logged:
    """One number that a script writes as it trains."""

    name: str
    pattern: str = ""
    """regular expression for a line of its output; none where it is a key of a JSON object, a CSV column or the like"""
    form: str = "line"
    """line, json, csv, tensorboard, mlflow, lightning"""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that the code of a script says."""

    options: tuple[Option, ...]
    terms: tuple[Term, ...]
    findings: tuple[Finding, ...]
    logged: tuple[Logged, ...]
    config: tuple[str, str] | None = None
    """name of the option that takes the config file, and the file"""
    styles: tuple[str, ...] = ()
    """which parsers its options come from"""
    files: tuple[str, ...] = ()
    """the files that were read"""
    constants: tuple[Fixed, ...] = ()
    """numbers that the script names at its top level"""
    roles: dict[str, Literal["weight", "shape", "name", "training"]] = field(default_factory=dict)
    """option to how it is known to act on the loss: multiplies a term, changes one, only its name says so; or, where no
    option is known to act on it, shapes training"""
    seed: str | None = None
    epochs: str | None = None
    output: str | None = None
    """names of the options that are the seed, the number of epochs and the folder of results"""
    resumed: tuple[str, ...] = ()
    """names of files that it writes and loads again"""
    looks_up: str = ""
    """a path that leads upwards out of its folder; empty where there is none"""
    event_files: str | None = None
    """where TensorBoard's event files appear, below {output}"""


@dataclass(frozen=True)
class Check:
    """What short runs say of the knobs."""

    inert: dict[str, str] = field(default_factory=dict)
    """knob to what was tried"""
    undecided: dict[str, str] = field(default_factory=dict)
    """knob to why equal runs were not enough"""
    skipped: str = ""
    """why nothing was tried, in a sentence; empty otherwise"""

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

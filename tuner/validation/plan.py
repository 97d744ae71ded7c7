"""What is fixed before the first run: arms, claims, margin, seeds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from trainer.knobs import Config
from tuner.spec import places
from tuner.spec.edit import spec_dict
from tuner.spec.file import parse
from tuner.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed before the first run."""

    spec: Spec
    """data, model and training; its knobs play no part"""
    arms: dict[str, Config]
    """the baseline first; the null arm is added to every block"""
    primary: str
    margin: float
    claims: list[dict[str, Any]]
    seeds: int
    """blocks; the most that are run where `until_decided`"""
    until_decided: bool = False
    """look after every few blocks and stop when all verdicts are clear, with intervals that allow for looking"""
    doses: dict[str, float] = field(default_factory=dict)
    """arms of the dose-response and their doses; they are compared with each other only"""
    ladder: list[str] = field(default_factory=list)
    factorial: dict[str, str] | None = None
    race_of: str = ""
    """the study of which it is the race, without a null arm and with arms that leave; empty for a validation"""
    code: dict[str, str] = field(default_factory=dict)
    """fingerprints of the user's own model or script: another version of it makes another validation"""

    @property
    def trainings(self) -> int:
        """Of one block: every arm and the null arm, which trains beside the others where it can."""
        return len(self.arms) + (not self.race_of)

    @property
    def reported(self) -> dict[str, str]:
        """Metrics that only a script has, and which way each is better."""
        if self.spec.command is None:
            return {}
        return dict.fromkeys((self.spec.objective, self.primary), self.spec.goal.direction)

    @property
    def baseline(self) -> Config:
        """The arm that all others are compared with."""
        return next(iter(self.arms.values()))

    def as_data(self) -> dict[str, Any]:
        """Plain data, from which `from_data` makes the plan again."""
        return {
            "spec": spec_dict(self.spec),
            "arms": {name: config.knobs() for name, config in self.arms.items()},
            "primary": self.primary,
            "margin": self.margin,
            "claims": self.claims,
            "seeds": self.seeds,
            "until_decided": self.until_decided,
            "doses": self.doses,
            "ladder": self.ladder,
            "factorial": self.factorial,
            **({"code": self.code} if self.code else {}),
            **({"race_of": self.race_of} if self.race_of else {}),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Plan:
        """The inverse of `as_data`."""
        spec = parse(data["spec"])
        arms = {name: spec.vocabulary.config(knobs) for name, knobs in data["arms"].items()}
        return cls(**{**data, "spec": spec, "arms": arms})

    @property
    def claimed(self) -> int:
        """Different comparisons that are claimed: pairs of arms and a metric."""
        return len({(c["baseline"], c["candidate"], c["metric"]) for c in self.claims})

    @property
    def candidates(self) -> list[str]:
        """Arms that are compared with the baseline: all but it and those of the dose-response alone."""
        base = next(iter(self.arms))
        named = {base, *self.ladder, *(c["candidate"] for c in self.claims), *(c["baseline"] for c in self.claims)}
        only_doses = {name for name, dose in self.doses.items() if name.endswith(f"={dose:g}")} - named
        return [name for name in self.arms if name != base and name not in only_doses]

    def contents(self) -> dict[str, Any]:
        """As `as_data`, without where files lie: a moved project has the same plan."""
        return {**self.as_data(), "spec": spec_dict(places.bare(self.spec))}

    def fingerprint(self, data: str = "") -> str:
        """Eight characters that change with anything that is fixed; data: the fingerprint of the data."""
        whole = {**self.contents(), "data": data}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:8]

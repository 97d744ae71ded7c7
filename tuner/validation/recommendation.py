"""A recommendation as a file: configurations under comparison and what is claimed for them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, model_validator

from trainer.config import BUILT_IN
from trainer.knobs import Config, Vocabulary
from tuner.errors import InputError, unknown
from tuner.spec import file as study_file
from tuner.spec import yaml
from tuner.spec.model import TAKEN, Spec, taken
from tuner.spec.section import Section
from tuner.spec.sections import Value
from tuner.validation.measures import METRICS, NONE, is_metric

NULL = "null"
"""The baseline again with another dropout and batch order: what a comparison shows when there is nothing to show."""


class Claim(Section):
    """What a recommendation promises of one configuration against another."""

    id: str
    """A name for reports."""
    baseline: str = "baseline"
    candidate: str
    metric: str
    """One of the metrics in tuner/validation/measures.py."""
    claimed: tuple[float, float]
    """Promised improvement in percent, low and high; improvements are positive whatever the metric's direction."""

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Claim:
        reported = info.context["reported"] if info.context else NONE
        if not is_metric(self.metric, reported):
            raise InputError(f"claim {self.id}: {unknown('metric', self.metric, [*METRICS, *reported])}")
        if not all(map(math.isfinite, self.claimed)):
            raise InputError(f"claim {self.id}: expected claimed to be finite; found {list(self.claimed)}")
        if self.baseline == self.candidate:
            raise InputError(f"claim {self.id}: baseline and candidate are the same arm, {self.candidate}")
        if self.claimed[0] > self.claimed[1]:
            raise InputError(f"claim {self.id}: expected claimed low before high; found {list(self.claimed)}")
        return self


class DoseResponse(Section):
    """One knob over a grid, everything else as in the baseline."""

    knob: str
    values: list[float] = Field(min_length=2)


class Factorial(Section):
    """Two changes alone and together, as names of arms."""

    first: str
    second: str
    both: str


class Recommendation(Section):
    """Arms and claims, complete and checked."""

    description: str = ""
    primary: str = "final_performance"
    """The metric of the verdicts."""
    margin: float = Field(default=0.01, gt=0, allow_inf_nan=False)
    """Differences of the primary metric below it do not matter in practice, in the metric's unit."""
    baseline: dict[str, Value] = Field(default_factory=dict)
    original: dict[str, Value] = Field(default_factory=dict)
    """What the document's own code has besides, in every configuration; see `on_original`."""
    nested_gate: bool = False
    """Whether the original's gate regularisation lies inside the encoder term, which multiplies the two weights."""
    plans: dict[str, dict[str, Value]] = Field(default_factory=dict)
    arms: dict[str, dict[str, Value]] = Field(default_factory=dict)
    dose_response: DoseResponse | None = None
    ladder: list[str] = Field(default_factory=list)
    """Arms from the original to the last plan, one change after the other."""
    factorial: Factorial | None = None
    claims: list[Claim] = Field(default_factory=list)

    _vocabulary: Vocabulary = PrivateAttr(default=BUILT_IN)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Recommendation:
        reported: Mapping[str, str] = NONE
        if info.context:
            self._vocabulary, reported = info.context["vocabulary"], info.context["reported"]
        if not is_metric(self.primary, reported):
            raise InputError(f"primary: {unknown('metric', self.primary, [*METRICS, *reported])}")
        self._check_names()
        there = self.configs()
        for name, config in there.items():
            twin = next(other for other, c in there.items() if c == config)
            if twin != name:
                raise InputError(f"{name}: the same configuration as {twin}, so that there is nothing to compare")
        for claim in self.claims:
            for name in (claim.baseline, claim.candidate):
                if name not in there:
                    raise InputError(f"claim {claim.id}: {unknown('arm', name, there)}")
        parts = {"ladder": self.ladder, "factorial": self.factorial.model_dump().values() if self.factorial else ()}
        for part, arms in parts.items():
            for name in arms:
                if name not in there:
                    raise InputError(f"{part}: {unknown('arm', name, there)}")
        try:
            self.doses()
        except InputError as error:
            raise InputError(f"dose_response: {error}") from None
        return self

    def _check_names(self) -> None:
        """Raise InputError where a name would hide another."""
        for name in (*self.plans, *self.arms):
            if taken(name):
                raise InputError(f"{name}: this name is taken; choose another one than {', '.join(TAKEN)}")
            if name in self.plans and name in self.arms:
                raise InputError(f"{name}: there is a plan and an arm of this name")

    def doses(self) -> dict[str, tuple[float, Config]]:
        """Arms of the dose-response by name, with dose and config; an arm that is there already keeps its name."""
        if self.dose_response is None:
            return {}
        there = self.configs()
        found = {}
        for value in self.dose_response.values:
            config = self._vocabulary.config({**self.baseline, self.dose_response.knob: value})
            name = next((n for n, c in there.items() if c == config), f"{self.dose_response.knob}={value:g}")
            found[name] = (value, config)
        return found

    def on_original(self) -> Recommendation:
        """The same recommendation on the document's own baseline: every configuration with what its code has besides.

        Where the gate regularisation is nested, its weight is multiplied by that of the encoder term. What no knob
        expresses stays out: that an adaptive weight of the encoder term acts on the nested term too.
        """

        def whole(knobs: Mapping[str, Any]) -> dict[str, Any]:
            found = {**self.original, **knobs}
            if self.nested_gate:
                weights = {**self._vocabulary.defaults, **found}
                found["gate_reg_weight"] = float(f"{weights['encoder_loss_weight'] * weights['gate_reg_weight']:.12g}")
            return found

        doses = self.dose_response
        if doses is not None and self.nested_gate:
            # Along the curve the weight of the nested term changes with the knob: no single knob does that.
            doses = None
        changes = {"baseline": whole(self.baseline), "original": {}, "nested_gate": False, "dose_response": doses}
        for part in ("plans", "arms"):
            changes[part] = {name: whole(knobs) for name, knobs in getattr(self, part).items()}
        return self.model_copy(update=changes)

    def configs(self) -> dict[str, Config]:
        """Every configuration by name, the baseline first."""
        found = {}
        for name, knobs in {"baseline": self.baseline, **self.plans, **self.arms}.items():
            try:
                found[name] = self._vocabulary.config(knobs)
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
        return found


def load(
    path: Path | None = None, vocabulary: Vocabulary = BUILT_IN, reported: Mapping[str, str] = NONE
) -> Recommendation:
    """Read a recommendation; by default the one that is shipped. Raises InputError with file and line.

    vocabulary: of what is trained, whose knobs the configurations are made of; reported: metrics that only a script
    has, and which way each is better, the primary one first.
    """
    path = path or study_file.folder() / f"{study_file.RECOMMENDATION}.yaml"
    document = yaml.read(path, "recommendation")
    try:
        data = {"primary": next(iter(reported), "final_performance"), **document.data}
        return Recommendation.model_validate(data, context={"vocabulary": vocabulary, "reported": reported})
    except ValidationError as error:
        raise InputError(study_file.explain(error, document, _fields, _mentioned)) from None


def _fields(loc: tuple[Any, ...]) -> list[str]:
    """Fields that exist beside an unknown one."""
    inside: dict[Any, type[Section]] = {"claims": Claim, "dose_response": DoseResponse, "factorial": Factorial}
    return list(inside.get(loc[0] if len(loc) > 1 else None, Recommendation).model_fields)


def _mentioned(text: str, data: dict[str, Any]) -> tuple[int | str, ...]:
    """Where a check of the whole file points: the claim, field or arm with which its message starts, and its knob."""
    name = text.partition(":")[0]
    if name.startswith("claim "):
        ids = [str(claim.get("id")) for claim in data["claims"]]
        return ("claims", ids.index(name.removeprefix("claim ")))
    loc = next(((part, name) for part in ("arms", "plans") if name in data.get(part, {})), (name,))
    inside = data.get(name) if len(loc) == 1 else data[loc[0]][name]
    knob = next((word for word in re.findall(r"\w+", text) if isinstance(inside, dict) and word in inside), None)
    return loc if knob is None else (*loc, knob)


def of_study(spec: Spec, reported: Mapping[str, str]) -> Recommendation:
    """The baseline and the plans of a study file, without claims; reported: as for `load`."""
    configs = {name: config.knobs() for name, config in spec.named().items()}
    data: dict[str, Any] = {"primary": next(iter(reported), "final_performance")}
    data |= {"baseline": configs.pop("baseline"), "plans": configs}
    return Recommendation.model_validate(data, context={"vocabulary": spec.vocabulary, "reported": reported})

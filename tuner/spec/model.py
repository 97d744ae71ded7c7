"""The study file: what is trained, what is searched, what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from trainer.config import BUILT_IN, ModelConfig, TrainingConfig
from trainer.knobs import Config, Vocabulary, implied
from trainer.objective import DIRECTIONS, Objective
from trainer.own_config import OwnModel
from trainer.own_config import vocabulary as own_vocabulary
from tuner.errors import InputError
from tuner.spec import rules
from tuner.spec.script import vocabulary as script_vocabulary
from tuner.spec.script_section import ScriptSection
from tuner.spec.section import Section
from tuner.spec.sections import DataSection, ExportSection, Range, SearchSection, Value


def _whose(model: Any) -> str:
    own = isinstance(model, OwnModel) or (isinstance(model, dict) and "file" in model)
    return "own model" if own else "built-in model"


MODELS: dict[Any, type] = {"built-in model": ModelConfig, "own model": OwnModel}
"""What the field `model` may hold, by the names that pydantic puts into the place of an error."""

Model = Annotated[
    Annotated[ModelConfig, Tag("built-in model")] | Annotated[OwnModel, Tag("own model")],
    Discriminator(_whose),
    BeforeValidator(
        lambda given: {"file": given} if isinstance(given, str) else given,
        json_schema_input_type=str | ModelConfig | OwnModel,
    ),
]


TAKEN = ("baseline", "original", "document", "best", "null")
"""Names with a meaning of their own, which no plan may take."""


def taken(name: str) -> bool:
    """Whether a plan may not be called that: `validate` would look the name up in a second place.

    That is a name with a meaning, one after which something follows (`trial:3`, `original:basic`), or that of a file.
    """
    return name.partition(":")[0] in (*TAKEN, "trial") or name.endswith((".yaml", ".yml", ".json"))


class Spec(Section):
    """A study file, complete and checked."""

    description: str = ""
    """What the study is for, in a sentence."""
    data: DataSection = DataSection()
    model: Model = ModelConfig()
    """The built-in model's architecture, or a model class of your own, like my_model.py:MyModel."""
    training: TrainingConfig = TrainingConfig()
    command: str | None = None
    """A training script of your own instead of data and model: its command line, with placeholders for the knobs."""
    function: str | None = None
    """A training function of your own instead of a command, like my_train.py:train, called with the knobs, `seed`,
    `device` and `report`."""
    script: ScriptSection = ScriptSection()
    objective: str = "val/weighted_f1"
    """A yardstick on the validation rows, or a metric that the script reports; never a weighted loss."""
    direction: Literal["maximize", "minimize"] | None = None
    """Which way a script's objective is better."""
    search: SearchSection = SearchSection()
    knobs: dict[str, Range]
    """What is searched: knob to range."""
    fixed: dict[str, Value] = Field(default_factory=dict)
    """Knobs that all trials share and that are not searched; the rest keep their defaults."""
    baseline: dict[str, Value] = Field(default_factory=dict)
    """The configuration to beat, enqueued first; the recommendation's original by default."""
    plans: dict[str, dict[str, Value]] | None = None
    """Named configurations, enqueued next; the recommendation's basic, full and advanced by default."""
    export: ExportSection = ExportSection()
    """How `tuner export` writes the best config."""
    seed: int = Field(default=0, ge=0)
    """Seed of the split, the initial weights, the batch order, dropout and the sampler."""

    @model_validator(mode="after")
    def _check(self) -> Spec:
        if self.function is not None:
            called = rules.command_of(self.function)
            if self.command not in (None, called):
                raise InputError("function: a study calls a function or runs a command; found both")
            object.__setattr__(self, "command", called)
        object.__setattr__(self, "objective", self.goal.metric)
        if self.command is not None:
            rules.check_script(self)
        elif self.script != ScriptSection() or self.direction is not None:
            what = "direction" if self.direction else "script"
            raise InputError(f"{what}: this field goes with a command, and there is none")
        rules.check_names(self)
        there = self.vocabulary.knobs
        if not self.knobs:
            raise InputError(f"knobs: expected at least one knob to search; there are: {', '.join(there)}")
        for name, rng in self.knobs.items():
            if name not in there:
                raise InputError(self.vocabulary.unknown(name))
            rng.check(name, there[name])
            if self.command is None and not rng.plain():
                raise InputError(f"knobs.{name}: kind and when are for the knobs of a script; this one's are known")
        for name in self.fixed:
            if name not in there:
                raise InputError(f"fixed: {self.vocabulary.unknown(name)}")
            if name in self.knobs:
                raise InputError(f"fixed.{name}: the knob is searched as well; it can only be one of the two")
        for name in self.knobs:
            when = there[name].when
            selector = self.knobs.get(when[0]) if when else None
            if when and selector and not selector.contains(when[1]):
                raise InputError(f"knobs.{name} applies only where {when[0]} is {when[1]}, which is not searched")
            if when and when[0] in self.fixed and self.fixed[when[0]] != when[1]:
                raise InputError(f"knobs.{name} applies only where {when[0]} is {when[1]}; it is fixed otherwise")
        for name in self.plans or {}:
            if taken(name):
                raise InputError(f"plans.{name}: this name is taken; choose another one than {', '.join(TAKEN)}")
        for name in self.export.args or {}:
            if name not in there:
                raise InputError(f"export.args: {self.vocabulary.unknown(name)}")
        if self.command is None:
            self._named("fixed", {})
        for label, config in self.named().items():
            for name, value in self.searched(config).items():
                if not self.knobs[name].contains(value):
                    where = label if label == "baseline" else f"plans.{label}"
                    mend = "" if label == "baseline" else ", or name the plans to try (`plans: {}` for none)"
                    raise InputError(
                        f"{where}: {name} = {value!r} lies outside its search range ({self.knobs[name].describe()}); "
                        f"widen the range{mend}"
                    )
        return self

    @property
    def goal(self) -> Objective:
        """The objective and its direction."""
        if self.command is None:
            return Objective(self.objective)
        direction = self.direction or DIRECTIONS.get(self.objective)
        if direction is None:
            raise InputError(
                f"direction: expected maximize or minimize; only you know which way {self.objective} is better"
            )
        return Objective(self.objective, direction)

    @property
    def vocabulary(self) -> Vocabulary:
        """The knobs of what is trained."""
        if self.command is not None:
            return script_vocabulary(self.knobs, self.fixed)
        if isinstance(self.model, OwnModel):
            named: list[Mapping[str, Any]] = [self.knobs, self.fixed, self.baseline, *(self.plans or {}).values()]
            return own_vocabulary(name for knobs in named for name in knobs)
        return BUILT_IN

    def base(self) -> dict[str, Any]:
        """What every trial has: the fixed knobs, and the choices that searched knobs imply (gamma implies focal)."""
        by_choice = {
            when[0]: when[1]
            for name in self.knobs
            if (when := self.vocabulary.knobs[name].when) and when[0] not in self.knobs and when[0] not in self.fixed
        }
        return {**by_choice, **self.fixed}

    def named(self) -> dict[str, Config]:
        """The baseline and the plans, complete."""
        return {
            "baseline": self._named("baseline", self.baseline),
            **{name: self._named(f"plans.{name}", knobs) for name, knobs in (self.plans or {}).items()},
        }

    def _named(self, label: str, knobs: Mapping[str, Any]) -> Config:
        try:
            return self.vocabulary.config({**self.fixed, **knobs})
        except InputError as error:
            raise InputError(f"{label}: {error}") from None

    def exists(self, name: str, chosen: Mapping[str, Any]) -> bool:
        """Whether a searched knob exists under the choices made so far; a choice that nobody makes is implied."""
        when = self.vocabulary.knobs[name].when
        return when is None or (when[0] not in self.knobs and when[0] not in chosen) or chosen.get(when[0]) == when[1]

    def searched(self, config: Config) -> dict[str, Any]:
        """The searched knobs of a complete config, in the order in which they are suggested."""
        values = {name: config.value(name) for name in self.vocabulary.knobs}
        return {name: values[name] for name in self.order() if self.exists(name, values)}

    def order(self) -> list[str]:
        """Searched knobs: those that decide whether others exist come first, as the vocabulary has them."""
        return [name for name in self.vocabulary.knobs if name in self.knobs]

    def overrides(self, config: Config) -> dict[str, Any]:
        """Knobs of a named config that are not searched here and differ from what the trials have."""
        common = {**self.vocabulary.defaults, **implied(self.vocabulary.knobs, self.base())}
        return {n: v for n, v in config.knobs().items() if n not in self.knobs and v != common.get(n)}

    def config(self, params: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Config:
        """The complete config of a trial."""
        base = {n: v for n, v in self.base().items() if n not in (overrides or {})}
        return self.vocabulary.config({**base, **params, **(overrides or {})})

    def at_edge(self, params: Mapping[str, Any], share: float = 0.02) -> list[str]:
        """Searched numbers that lie within `share` of an end of their range, on the scale that is searched."""
        from math import log

        found = []
        for name, value in params.items():
            rng = self.knobs.get(name)
            if rng is None or rng.low is None or rng.high is None:
                continue
            low, high, at = (log(v) if rng.log else v for v in (rng.low, rng.high, value))
            if not share < (at - low) / (high - low) < 1 - share:
                found.append(name)
        return found

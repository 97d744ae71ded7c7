"""What must hold between a command and the rest of its study file."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from trainer.config import ModelConfig, TrainingConfig
from trainer.text import printable
from tuner.errors import InputError, unknown
from tuner.spec.command import CONFIG, GIVEN, KNOBS, Command, Placeholder

KNOB = re.compile(r"[\w.-]+")
"""What MLflow takes for the name of a parameter, without spaces."""

if TYPE_CHECKING:
    from tuner.spec.model import Spec


def command_of(function: str) -> str:
    """The command that calls a function, `file.py:name`, in a process of its own."""
    file, colon, name = function.rpartition(":")
    if not colon or not name.isidentifier() or not file.endswith(".py") or "{" in file:
        raise InputError(f"function: expected a file and a function in it, my_train.py:train; found {function!r}")
    target = shlex.quote(function)
    return f"{{python}} -m tuner.worker.script.function {target} {{knobs}} {{seed}} {{epochs}} {{output}}"


def takes_a_seed(spec: Spec) -> bool:
    """Whether runs of a study can differ by their seed."""
    return spec.command is None or "seed" in Command(spec.command).names()


LONGEST = 100
"""Characters of a name: knobs, choices and plans become names of runs, parameters and files."""


def check_names(spec: Spec) -> None:
    """Raise InputError for a knob, a choice or a plan whose name cannot be shown, or is too long to be one."""
    names = [("knobs", name) for name in {**spec.knobs, **spec.fixed}]
    names += [("plans", name) for name in spec.plans or {}]
    names += [(f"knobs.{knob}", str(choice)) for knob, rng in spec.knobs.items() for choice in rng.choices or ()]
    for where, name in names:
        if not name or len(name) > LONGEST or printable(name) != name:
            raise InputError(
                f"{where}: a name has 1 to {LONGEST} characters and none that cannot be seen; "
                f"found {printable(name[:LONGEST])!r}"
            )
    for name in spec.knobs:
        if not KNOB.fullmatch(name):
            raise InputError(f"knobs: expected a name of letters, digits and _ - . for a knob; found {name!r}")


def check_script(spec: Spec) -> None:
    """Raise InputError where the command and the knobs do not fit, or a field has no meaning for a script."""
    from tuner.spec.sections import DataSection

    assert spec.command is not None
    if spec.data != DataSection():
        raise InputError("data: a script reads its own data; leave the field out")
    if spec.model != ModelConfig():
        raise InputError("model: a study trains a model or runs a command; found both")
    if spec.training != TrainingConfig(epochs=spec.training.epochs):
        raise InputError("training: of these fields only epochs reaches a script, as {epochs}; leave the others out")
    command, knobs = Command(spec.command), spec.vocabulary.knobs
    for name in knobs:
        if name in GIVEN:
            raise InputError(f"knobs.{name}: this name is taken: {{{name}}} is {GIVEN[name]}; name the knob otherwise")
        # Whether a config file has a place for it is seen when the file is read (tuner/launch/_tryout.py).
        if name not in command.names() and not {KNOBS, CONFIG} & set(command.names()):
            where = "knobs" if name in spec.knobs else "fixed"
            raise InputError(f"{where}.{name}: no placeholder in the command uses it, so that it changes nothing")
    if (CONFIG in command.names()) != (spec.script.config is not None):
        raise InputError("script.config: a template and {config} in the command go together; found one of them")
    for name, rng in spec.knobs.items():
        _check_when(name, rng.when, spec)
    for name in command.names():
        if name not in knobs and name not in GIVEN:
            raise InputError(f"command: nothing fills {{{name}}}: {unknown('knob', name, [*knobs, *GIVEN])}")
    for placeholder, inside in command.placed():
        _check_placed(placeholder, inside, spec)


def _check_when(name: str, when: dict[str, str] | None, spec: Spec) -> None:
    if when is None:
        return
    if len(when) != 1:
        raise InputError(f"knobs.{name}: when: expected one knob and its choice; found {when}")
    selector, choice = next(iter(when.items()))
    there = spec.knobs.get(selector)
    if selector == name or there is None or there.choices is None or there.when is not None:
        raise InputError(
            f"knobs.{name}: when: expected a searched knob with choices that is always there; found {selector}"
        )
    if choice not in there.choices:
        raise InputError(f"knobs.{name}: when: {unknown(selector, choice, there.choices)}")


def _check_placed(placeholder: Placeholder, inside: dict[str, str], spec: Spec) -> None:
    """A condition can hold, and a knob that does not always exist stands only where it does."""
    knob = spec.vocabulary.knobs.get(placeholder.name)
    if knob is None:
        if placeholder.value is not None:
            raise InputError(f"command: {{{placeholder.name}}} is no knob, so that it takes no condition")
        return
    if placeholder.value is not None and knob.choices and placeholder.value not in knob.choices:
        raise InputError(f"command: {unknown(placeholder.name, placeholder.value, knob.choices)}")
    if knob.when is not None and placeholder.value is None and inside.get(knob.when[0]) != knob.when[1]:
        selector, choice = knob.when
        raise InputError(
            f"command: {placeholder.name} exists only where {selector} is {choice}; "
            f"write {{{selector}:--flag {{{placeholder.name}}} if {choice}}}"
        )

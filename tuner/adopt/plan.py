"""What a study of a script searches: knobs with ranges, the command, the objective."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuner.adopt import fixed, logs, shaping
from tuner.adopt.model import ENVIRONMENT, Finding, Logged, Option, Reading
from tuner.errors import InputError

MOST = 12
"""Knobs that are searched; more need more trials than a search usually has."""
GUESSED = 0.1
"""The value of a weight without a default."""


@dataclass(frozen=True)
class Searched:
    """One knob of the study file."""

    option: Option
    baseline: Any
    range: dict[str, Any]
    """as the study file has it"""
    why: str


@dataclass(frozen=True)
class Plan:
    """A study of a script, decided."""

    command: str
    knobs: tuple[Searched, ...]
    left_out: dict[str, str]
    """options that act on the loss and are not searched, with the reason"""
    metrics: dict[str, str]
    objective: str
    direction: str
    epochs: int
    seed: int
    has_seed: bool
    notes: tuple[str, ...] = ()
    """guesses, to be checked"""
    config: str | None = None
    """the config file of which each trial's is made"""
    tensorboard: str | None = None
    isolate: bool | tuple[str, ...] = False
    """whether trials run in folders of their own; a tuple names the files that are not to appear there"""


def make(reading: Reading, script: str, arguments: Sequence[str], launcher: Sequence[str] = ("{python}",)) -> Plan:
    """Decide what is searched. Raises InputError where nothing that shapes training can be changed from outside."""
    by_name = {option.name: option for option in reading.options}
    given, rest = _split(arguments, reading.options)
    left_out = _left_out(reading)
    knobs = [_searched(by_name[n], role, given.get(n), reading) for n, role in _ranked(reading) if n not in left_out]
    for one in knobs[MOST:]:
        left_out[one.option.name] = f"{MOST} knobs are searched already"
    knobs = knobs[:MOST]
    if not knobs:
        raise InputError(nothing(reading, script))
    notes = []
    kept = [word for name, words in rest for word in words if name not in _placed(knobs, reading)]
    epochs_option, seed_option = by_name.get(reading.epochs or ""), by_name.get(reading.seed or "")
    epochs = _whole(given.get(reading.epochs or "", epochs_option.default if epochs_option else None))
    if epochs is None:
        epochs = 30
        notes.append(f"training.epochs: {epochs} is a guess; put in how many epochs a full run has")
    placed = [*(k.option for k in knobs)]
    given_as = [(o, o.placed()) for o in placed if not o.config]
    config = reading.config if reading.config and any(o.config for o in placed) else None
    if config:
        given_as.append((by_name[config[0]], by_name[config[0]].given("{config}")))
        kept = [word for name, words in rest for word in words if name not in {config[0], *_placed(knobs, reading)}]
    given_as += [(epochs_option, epochs_option.given("{epochs}"))] if epochs_option else []
    given_as += [(seed_option, seed_option.given("{seed}"))] if seed_option else []
    given_as += [(by_name[reading.output], by_name[reading.output].given("{output}"))] if reading.output else []
    variables = [word for option, word in given_as if option.function == ENVIRONMENT]
    words = ["env", *variables] if variables else []
    words += [*launcher, _braces(script), *map(_braces, kept)]
    words += [word for option, word in given_as if option.function != ENVIRONMENT]
    goal, metrics = _measured(reading.logged, notes)
    event_files = reading.event_files if goal is not None and goal.form == "tensorboard" else None
    seed = _whole(given.get(reading.seed or "", seed_option.default if seed_option else None))
    return Plan(
        command=" ".join(words),
        knobs=tuple(knobs),
        left_out=left_out,
        metrics=metrics,
        objective=goal.name if goal else "val/score",
        direction="minimize" if goal and logs.lower_is_better(goal.name) else "maximize",
        epochs=max(1, epochs),
        seed=seed if seed is not None and seed >= 0 else 0,
        has_seed=seed_option is not None,
        notes=tuple(notes),
        tensorboard=event_files,
        config=config[1] if config else None,
    )


def isolated(plan: Plan, reading: Reading, findings: Sequence[Finding]) -> Plan:
    """With a folder of its own for each trial, where the script writes what trials would share."""
    if plan.isolate or not any(f.kind in ("writes", "resumes") for f in findings):
        return plan
    if reading.looks_up:
        note = (
            f"script.isolate keeps the files of trials apart, and was left out since the code names "
            f"{reading.looks_up}: give that path in full, then set it"
        )
        return plan if note in plan.notes else replace(plan, notes=(*plan.notes, note))
    return replace(plan, isolate=reading.resumed or True)


def nothing(reading: Reading, script: str) -> str:
    """One sentence for a script without anything to search."""
    advice = fixed.advice(reading.terms, reading.constants)
    otherwise = "Or give a training function or a study file of your own (docs/own-model-and-script.md)"
    if not reading.options:
        what = advice or "expected a number that shapes training. Give the weight that you want tuned a flag"
        return f"{script} has no options: {what}. {otherwise}"
    names = ", ".join(o.flag.rstrip("=") or o.name for o in reading.options[:12])
    more = f" and {len(reading.options) - 12} more" if len(reading.options) > 12 else ""
    what = advice or "Give the weight that you want tuned a flag"
    return f"{script}: none of its options is a number that shapes training; found {names}{more}. {what}. {otherwise}"


def _left_out(reading: Reading) -> dict[str, str]:
    found: dict[str, str] = {}
    for finding in reading.findings:
        if finding.kind == "inert":
            found |= dict.fromkeys(finding.options, finding.text)
        elif finding.kind == "multiply" and not set(finding.options) & set(found):
            found[finding.options[1]] = f"multiplies with {finding.options[0]}, and only their product acts"
    return found


def _ranked(reading: Reading) -> list[tuple[str, str]]:
    order = {"weight": 0, "shape": 1, "name": 2, "training": 3}
    return sorted(reading.roles.items(), key=lambda item: order[item[1]])


def _placed(knobs: Sequence[Searched], reading: Reading) -> set[str]:
    """Names of options whose place in the command is a placeholder."""
    return {k.option.name for k in knobs} | {n for n in (reading.seed, reading.epochs, reading.output) if n}


def _split(arguments: Sequence[str], options: Sequence[Option]) -> tuple[dict[str, Any], list[tuple[str, list[str]]]]:
    """The user's arguments: values by option, and all words with the option that they belong to."""
    flags = {o.flag: o for o in options if o.flag} | {o.off: o for o in options if o.off}
    values: dict[str, Any] = {}
    words: list[tuple[str, list[str]]] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if "\n" in word or "\0" in word:
            raise InputError(f"argument {word!r}: a line break cannot stand in a study file's command")
        flag, equals, value = word.partition("=")
        option = flags.get(word) or flags.get(flag) or flags.get(flag + "=")
        if option is None:
            words.append(("", [word]))
        elif option.kind == "switch":
            values[option.name] = word != option.off
            words.append((option.name, [word]))
        elif equals:
            values[option.name] = _read(option, value)
            words.append((option.name, [word]))
        else:
            value = waiting.pop(0) if waiting else ""
            values[option.name] = _read(option, value)
            words.append((option.name, [word, value]))
    return values, words


def _read(option: Option, text: str) -> Any:
    if option.kind in ("float", "int"):
        try:
            number = float(text)
        except ValueError:
            raise InputError(f"{option.flag.rstrip('=')}: expected a number; found {text!r}") from None
        return int(number) if option.kind == "int" and number == int(number) else number
    return text


def _braces(word: str) -> str:
    return shlex.quote(word).replace("{", "{{").replace("}", "}}")


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _searched(option: Option, role: str, given: Any, reading: Reading) -> Searched:
    value = given if given is not None else option.default
    terms = [t for t in reading.terms if option.name in t.weights]
    if role == "weight":
        why = f"multiplies {', '.join(dict.fromkeys(f'{t.text} ({t.where})' for t in terms[:3]))}"
    elif role == "shape":
        changed = [t for t in reading.terms if option.name in t.shapes]
        why = f"changes {', '.join(dict.fromkeys(f'{t.text} ({t.where})' for t in changed[:2]))}"
    elif role == "training":
        general = shaping.kind(option)
        why = f"no weight of the loss: {general or 'a number that may shape training'}"
    else:
        why = "guessed: only its name says that it weighs a term"
    if option.kind == "switch":
        return Searched(option, bool(value), {"choices": [False, True]}, why)
    if option.choices:
        words = list(dict.fromkeys([*option.choices, *([str(value)] if value is not None else [])]))
        return Searched(option, str(value) if value is not None else words[0], {"choices": words}, why)
    number = float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
    if number is None:
        number = shaping.guess(option) if role == "training" else GUESSED
        why = f"{why}. It has no default that can be read: {number:g} is a guess"
    if role == "training":
        value = int(number) if option.kind == "int" else number
        return Searched(option, value, shaping.range_of(option, number), why)
    if option.kind == "int":
        low, high = (min(0, int(number)), max(4, int(number) * 4)) if number >= 0 else (int(number) * 4, 0)
        return Searched(option, int(number), {"low": low, "high": high, "kind": "int"}, why)
    return Searched(option, number, _range(number, role), why)


def _range(number: float, role: str) -> dict[str, Any]:
    """A tenth to ten times a weight; half to twice of what is no weight."""
    if number == 0:
        return {"low": 0.0, "high": 1.0}
    if number < 0:
        return {"low": _round(10 * number), "high": 0.0}
    if role != "shape":
        return {"low": _round(number / 10), "high": _round(number * 10), "log": True}
    return {"low": _round(number / 4), "high": _round(number * (1 / number if 0.25 < number < 1 else 4))}


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def _measured(logged: Sequence[Logged], notes: list[str]) -> tuple[Logged | None, dict[str, str]]:
    """The objective and the patterns of what is read from lines."""
    goal = logs.objective(logged)
    metrics = {one.name: one.pattern for one in logged if one.pattern}
    if goal is None:
        notes.append("objective: nothing that looks like a score was found; name what the script reports")
    elif logs.split_of(goal.name) == "test":
        notes.append(
            f"objective: no validation score is reported, so {goal.name} decides, and its best value is too good"
        )
    elif logs.lower_is_better(goal.name):
        notes.append(
            f"objective: {goal.name} may be a weighted loss, which falls when a weight falls; name an unweighted score"
        )
    if metrics and set(metrics) == {"epoch"}:
        metrics = {}
    return goal, metrics

"""The command line of a script with placeholders: `{knob}`, and `{knob:--flag if value}`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tuner.errors import InputError
from tuner.spec.shell import check_shell

GIVEN = {
    "seed": "the seed of the run",
    "epochs": "epochs of a full run, training.epochs",
    "output": "a folder of the trial's own",
    "python": "the Python that runs the tuner",
    "knobs": "a JSON file with all knobs of the trial",
    "config": "the file that is made of script.config",
}
"""Placeholders that are no knobs."""
KNOBS, CONFIG = "knobs", "config"
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{name}`, or with a text that stands there only where the knob has a value."""

    name: str
    text: tuple[str | Placeholder, ...] = ()
    value: str | None = None


class Command:
    """A parsed command line. Raises InputError for braces and quotes that do not close."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = tuple(_parts(text, 0, len(text)))
        if not text.strip():
            raise InputError("command: expected a program and its arguments; found nothing")
        try:
            words = shlex.split(self._marked(self._parts, []))
        except ValueError as error:
            raise InputError(f"command: {error} in {text!r}") from None
        check_shell(words, text)

    def names(self) -> list[str]:
        """What the placeholders name, each once, in order."""
        return list(dict.fromkeys(p.name for p, _ in self.placed()))

    def placed(self) -> list[tuple[Placeholder, dict[str, str]]]:
        """Every placeholder with the conditions inside which it stands."""
        return list(_placed(self._parts, {}))

    def words(self, values: Mapping[str, Any]) -> list[str]:
        """The words of the command for one run; no shell sees them.

        values: of every placeholder. A word that is nothing but a placeholder whose condition does not hold is left
        out; a conditional text of several words becomes several.
        """
        found = []
        fillings: list[str | Placeholder] = []
        for word in shlex.split(self._marked(self._parts, fillings)):
            pieces = word.split("\0")
            if len(pieces) == 3 and not pieces[0] and not pieces[2]:
                found += _words(fillings[int(pieces[1])], values)
            else:
                # Odd pieces are numbers of placeholders inside a word, as in --name=run-{seed}.
                filled = [" ".join(_words(fillings[int(p)], values)) if i % 2 else p for i, p in enumerate(pieces)]
                if any(filled) or not word:
                    found.append("".join(filled))
        return found

    def flags(self, knobs: Mapping[str, Any]) -> list[str]:
        """The words of the command that depend on knobs, each with the flag before it; knobs: those that apply."""
        if not set(knobs) & set(self.names()):
            # They go by a file: as flags they have their own names.
            return [word for name, value in knobs.items() for word in (f"--{name}", show(value))]
        values = {name: f"{{{name}}}" for name in GIVEN} | dict(knobs)
        fillings: list[str | Placeholder] = []
        found, before = [], ""
        for word in shlex.split(self._marked(self._parts, fillings)):
            pieces = word.split("\0")
            inside = [p for i in pieces[1::2] if isinstance(p := fillings[int(i)], Placeholder) and p.name not in GIVEN]
            if inside:
                words = [" ".join(_words(fillings[int(p)], values)) if i % 2 else p for i, p in enumerate(pieces)]
                alone = len(pieces) == 3 and not pieces[0] and not pieces[2]
                flag = [before] if alone and inside[0].value is None and before.startswith("-") else []
                found += flag + (_words(inside[0], values) if alone else ["".join(words)])
            before = "" if inside else word
        return found

    @staticmethod
    def _marked(parts: tuple[str | Placeholder, ...], fillings: list[str | Placeholder]) -> str:
        """The text with a mark for each placeholder, so that a value is never read as several words."""
        text = ""
        for part in parts:
            if isinstance(part, Placeholder):
                text += f"\0{len(fillings)}\0"
                fillings.append(part)
            else:
                text += part
        return text


def show(value: Any) -> str:
    """A knob's value as a flag takes it: numbers in full, as Python reads them back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value < 0 and "e" in repr(value):
        # argparse takes -0.00001 for a number and -1e-05 for an option.
        return f"{Decimal(repr(value)):f}"
    return repr(value) if isinstance(value, (int, float)) else str(value)


def _words(part: str | Placeholder, values: Mapping[str, Any]) -> list[str]:
    if isinstance(part, str):
        return [part]
    if part.value is None:
        return [show(values[part.name])]
    if show(values.get(part.name)) != part.value:
        return []
    inside = "".join(shlex.quote(show(values[p.name])) if isinstance(p, Placeholder) else p for p in part.text)
    return shlex.split(inside)


def _placed(
    parts: tuple[str | Placeholder, ...], inside: dict[str, str]
) -> Iterator[tuple[Placeholder, dict[str, str]]]:
    for part in parts:
        if isinstance(part, Placeholder):
            yield part, inside
            yield from _placed(part.text, inside if part.value is None else {**inside, part.name: part.value})


def _parts(text: str, start: int, end: int) -> Iterator[str | Placeholder]:
    """The pieces of text[start:end]; `{{` and `}}` are braces."""
    plain, at = "", start
    while at < end:
        if text[at : at + 2] in ("{{", "}}") and at + 2 <= end:
            plain, at = plain + text[at], at + 2
        elif text[at] == "{":
            close = _closing(text, at, end)
            if plain:
                yield plain
            plain = ""
            yield _placeholder(text, at + 1, close)
            at = close + 1
        elif text[at] == "}":
            raise InputError(f"command: a brace closes that was not opened: ...{text[max(0, at - 20) : at + 1]}")
        else:
            plain, at = plain + text[at], at + 1
    if plain:
        yield plain


def _closing(text: str, opening: int, end: int) -> int:
    depth = 0
    for at in range(opening, end):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at
    raise InputError(f"command: a brace does not close: {text[opening : opening + 30]}...")


def _placeholder(text: str, start: int, end: int) -> Placeholder:
    inside = text[start:end]
    name, colon, rest = inside.partition(":")
    if not _NAME.fullmatch(name):
        raise InputError(f"command: expected {{knob}} or {{knob:--flag if value}}; found {{{inside}}}")
    if not colon:
        return Placeholder(name)
    shown, condition, value = rest.rpartition(" if ")
    if not condition or not shown.strip() or not value.strip():
        raise InputError(f"command: expected {{{name}:--flag if value}}; found {{{inside}}}")
    begin = start + len(name) + 1
    return Placeholder(name, tuple(_parts(text, begin, begin + len(shown))), value.strip())

"""What a verb of the command line is; each verb file declares its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, declared in the `VERBS` of its file."""

    name: str
    """as it is typed"""
    run: Callable[..., None]
    """a function with typer annotations; the first line of its docstring is the line of the help"""
    order: int
    """verbs stand by this number in the help; leave gaps"""
    examples: tuple[str, ...]
    """whole command lines; at least one"""
    passes_on: bool = False
    """whether it hands arguments that it does not know on to a script"""

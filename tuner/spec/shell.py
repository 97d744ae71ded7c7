"""What only a shell would understand of a command, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuner.errors import InputError

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_OPERATOR = re.compile(r"\|\|?&?|&&?|;|(?:\d|&)?>>?(?:&\d|.*)|<.*|\S+;$", re.DOTALL)
_SINGLE_QUOTED = re.compile(r"'[^']*'")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|\()")
SHELLS = ("sh", "bash", "dash", "zsh")


def runs_shell(words: Sequence[str]) -> bool:
    """Whether a command hands a text to a shell: `sh -c '...'`."""
    return len(words) > 2 and words[0].rpartition("/")[2] in SHELLS and words[1].startswith("-") and "c" in words[1]


def check_shell(words: Sequence[str], text: str) -> None:
    """Raise InputError for what people copy from their shell: no shell reads the command. words: the command's."""
    no_shell = "command: no shell reads it"
    if match := _ASSIGNMENT.fullmatch(words[0]):
        name, value = match.groups()
        rest = text[text.find(words[0]) + len(words[0]) :].strip() if words[0] in text else "the rest"
        raise InputError(
            f"{no_shell}, so that {words[0]} sets nothing; write script: {{environment: {{{name}: {value!r}}}}} and "
            f"command: {rest[:60]}"
        )
    if words[0] in ("cd", "export", "source", ".", "exec", "set"):
        field = (
            f"write script: {{directory: {words[1]}}}"
            if words[0] == "cd" and len(words) > 1
            else "variables go into script: {environment: {...}}"
        )
        raise InputError(f"{no_shell}, and {words[0]} is a shell's own word; {field}, or put it all into sh -c '...'")
    if runs_shell(words):
        return
    for word in words:
        if _OPERATOR.fullmatch(word):
            log = " (the output is kept as log.txt in the trial's folder anyway)" if word[0] in "|>12&" else ""
            raise InputError(f"{no_shell}, so that {word!r} would be an argument; put it all into sh -c '...'{log}")
        if re.match(r"(?:[\w-]+=)?~(?:/|$)", word):
            raise InputError(f"{no_shell}, so that ~ is no folder; write the path in full instead of {word!r}")
    found = _VARIABLE.search(_SINGLE_QUOTED.sub("", text))
    if found:
        raise InputError(
            f"{no_shell}, so that {found[0]} stays as it is; write its value, or put it all into sh -c '...' (a "
            "variable of the environment is there too; script: {environment: {...}} adds some). A $ that is meant goes "
            "into single quotes"
        )

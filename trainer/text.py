"""Text from outside, spelt so that a terminal or a log shows it and does not obey it."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Controls, formats (which turn the direction of text), halves of characters, private ones, line separators."""
_JOINERS = "\u200c\u200d"
"""Formats that words of some languages and emoji are written with."""


def printable(text: str, *, keep: str = "") -> str:
    """The text with `\\x1b` and the like in place of what cannot be seen; `keep`: such characters that stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt(c) if _hidden(c) and c not in keep else c for c in text)


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN and character not in _JOINERS


def _spelt(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()

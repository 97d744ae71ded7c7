"""Passwords are never shown: not in messages, logs, tags or errors that other programs wrote."""

from __future__ import annotations

import re

SHOWN = "***"
_PATTERNS = (
    # Web addresses: user:password@ ends before the path.
    (re.compile(r"(\bhttps?://[^\s:/@]*:)[^\s/?#]*@", re.IGNORECASE), rf"\g<1>{SHOWN}@"),
    # Databases: SQLAlchemy takes all up to an @ as the password, a slash too.
    (re.compile(r"(\b(?!https?:)[a-z][\w+.-]*://[^\s:/@]*:)\S*@", re.IGNORECASE), rf"\g<1>{SHOWN}@"),
    # What is left of an address that was mistyped.
    (re.compile(r"(:)[^\s:/@*]+@(?=\S)"), rf"\g<1>{SHOWN}@"),
    (re.compile(r"(\b\w*(?:password|passwd|pwd|token|secret)=)[^&\s'\"]+", re.IGNORECASE), rf"\g<1>{SHOWN}"),
)


def masked(text: str) -> str:
    """The text without the passwords of the URLs in it; a URL is text too."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def has_password(url: str) -> bool:
    """Whether a URL holds something that must not be shown."""
    return masked(url) != url

"""What went wrong in one line, whatever wrapped it on the way."""

from __future__ import annotations

from tuner.system.masking import masked


def root_cause(error: BaseException) -> BaseException:
    """What the database said below SQLAlchemy's and Optuna's own errors; the error itself where nothing lies below."""
    cause = getattr(error, "orig", None) or error.__cause__ or error
    below = getattr(cause, "orig", None) or cause
    return below if isinstance(below, BaseException) else error


def first_line(error: BaseException | None) -> str:
    """The first line of an error that says something, else its class; never a password."""
    return masked(next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__))

"""Decides, remembers, shows: studies over loss knobs on top of Optuna and MLflow.

From Python, `Study`, `studies` and `validate` do what the command line does (tuner/api/). They are loaded when they
are first asked for: `import tuner` alone imports nothing else.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.api import Study, Validation, studies, validate
    from tuner.errors import InputError, RunError

from tuner._version import __version__

__all__ = ["InputError", "RunError", "Study", "Validation", "__version__", "studies", "validate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("tuner.errors" if name.endswith("Error") else "tuner.api"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

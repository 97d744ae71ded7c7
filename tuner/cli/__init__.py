"""The command line: verbs, one file each, found by their `VERBS`; a verb is a plain function for Python code too.

Heavy imports (torch, Optuna, MLflow) happen inside the verbs, so that `--help` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from trainer.registry import names
from tuner._version import __version__
from tuner.cli._verb import Verb

app = typer.Typer(
    name="tuner",
    help="Find the weights of the terms of a training loss, with evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"tuner {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the weights of the terms of a training loss, with evidence."""


def _verbs() -> tuple[Verb, ...]:
    """What the files beside this one declare as `VERBS`; files without it help the others."""
    modules = (import_module(f"{__name__}.{name}") for name in names(__name__))
    verbs: list[Verb] = [verb for module in modules for verb in getattr(module, "VERBS", ())]
    return tuple(sorted(verbs, key=lambda verb: (verb.order, verb.name)))


VERBS = _verbs()
"""Every verb, in the order of the help."""

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Of a verb that hands what it does not know on to a script."""

for _verb in VERBS:
    app.command(
        _verb.name,
        epilog="  \n".join(f"Example: `{example}`" for example in _verb.examples),
        context_settings=PASSED_ON if _verb.passes_on else None,
    )(_verb.run)

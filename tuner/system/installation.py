"""Whose files `tuner` and `trainer` are: other distributions on PyPI have packages of these names.

Whichever of them is installed last overwrites the others' files, and uninstalling it deletes them.
"""

from __future__ import annotations

import sys
from importlib import metadata

DISTRIBUTION = "loss-weight-tuner"
PACKAGES = ("tuner", "trainer", "search_spaces")


def rivals() -> dict[str, list[str]]:
    """Other installed distributions that have files of our packages: package -> their names; empty as it should be."""
    owners = metadata.packages_distributions()
    names = {package: sorted({*owners.get(package, [])} - {DISTRIBUTION}) for package in PACKAGES}
    return {package: others for package, others in names.items() if others}


def foreign() -> str | None:
    """What to say where `trainer` is not ours, in one sentence with its remedy; None as it should be."""
    import trainer

    if getattr(trainer, "DISTRIBUTION", None) == DISTRIBUTION:
        return None
    others = sorted({name for names in rivals().values() for name in names})
    whose = f"of the package {', '.join(others)}" if others else f"{trainer.__file__}"
    python = f"{sys.executable} -m pip"
    return (
        f"the module `trainer` is another one than the tuner's ({whose}): install the tuner into an environment of its "
        f"own (pipx install {DISTRIBUTION}), or: "
        + (f"{python} uninstall {' '.join(others)}; " if others else "")
        + f"{python} install --force-reinstall --no-deps {DISTRIBUTION}"
    )

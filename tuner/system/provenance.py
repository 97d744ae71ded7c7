"""Where a result came from: versions, commit, device."""

from __future__ import annotations

import functools
import platform
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tuner._version import __version__
from tuner.errors import InputError

PACKAGES = ("torch", "optuna", "mlflow", "scikit-learn", "numpy")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the tuner, Python and the packages that a result depends on."""
    found = {"tuner": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def check(known: Mapping[str, str], what: str, say: Callable[[str], None]) -> None:
    """Refuse to train for what another version of the tuner has made; say so where only torch is another.

    known: the versions that `what` was made with; empty where it does not tell. Raises InputError.
    """
    mine = versions()
    if known.get("tuner", mine["tuner"]) != mine["tuner"]:
        raise InputError(
            f"{what} was made with version {known['tuner']} of the tuner; here is {mine['tuner']}: install the same "
            "version on every machine, or choose another --name"
        )
    if known.get("torch", mine["torch"]) != mine["torch"]:
        say(
            f"{what} was made with torch {known['torch']}; here is {mine['torch']}: trials of both are compared, "
            "though the same training may come out a little different"
        )


@functools.cache
def git_commit() -> str:
    """The commit of the tuner's own source tree, or "" where it is no checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def tags(device: str, seed: int, fingerprint: str) -> dict[str, str]:
    """The tags that every run carries."""
    packed = " ".join(f"{name}={number}" for name, number in versions().items())
    found = {
        "versions": packed,
        **({"device": device} if device else {}),
        "seed": str(seed),
        **({"data_fingerprint": fingerprint} if fingerprint else {}),
    }
    commit = git_commit()
    return {**found, "git_commit": commit} if commit else found

"""What the launchers have in common: what is to be started, and the settings of their own that they take."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from trainer import registry
from tuner.errors import InputError, unknown
from tuner.system import names

if TYPE_CHECKING:
    from tuner.system.place import Place

PACKAGE = "tuner.launch"
PASSED = ("TUNER_LEASE", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""What a worker reads from the environment beside the two URLs."""
_MEMORY = re.compile(r"(\d+)([MG])")


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that one launcher asks for: what it is where nobody says, and a line of help."""

    default: str
    help: str


CPUS = Setting("1", "CPU cores a worker")
MEMORY = Setting("", "memory a worker, such as 8G or 500M; empty for what the cluster gives")


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers to start: `count` times `tuner worker [name]`; device: auto, cpu or cuda, and then one GPU each."""

    name: str | None
    place: Place
    count: int | None
    device: str
    settings: Mapping[str, str]

    @property
    def gpus(self) -> int:
        """GPUs a worker asks the cluster for."""
        return 0 if self.device == "cpu" else 1

    @property
    def cpus(self) -> int:
        """Raises InputError where the setting is no whole number."""
        given = self.settings["cpus"]
        if not re.fullmatch("[1-9][0-9]{0,3}", given):
            raise InputError(f"--set cpus must be a whole number of CPU cores; found {given!r}")
        return int(given)

    @property
    def memory(self) -> int | None:
        """MiB, None where the cluster decides. Raises InputError where the setting is no amount of memory."""
        given = self.settings["memory"]
        if not given:
            return None
        found = _MEMORY.fullmatch(given)
        if not found or not int(found[1]):
            raise InputError(f"--set memory must be a number with M or G, such as 8G; found {given!r}")
        return int(found[1]) * (1024 if found[2] == "G" else 1)

    @property
    def slug(self) -> str:
        """The name as clusters take them: at most 50 lower-case letters, digits and dashes, for each name another."""
        label = self.name or "any"
        plain = re.sub("[^a-z0-9]+", "-", label.lower()).strip("-")[:40].strip("-")
        return plain if plain == label else f"{plain or 'study'}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"

    def arguments(self) -> list[str]:
        """Those of the verb; no URL, which may hold a password."""
        name = [self.name] if self.name else []
        return ["worker", *name, "--state", str(self.place.state), "--device", self.device]

    def environment(self) -> dict[str, str]:
        """Where the studies are and how to log in there: never by flags, which everyone on a machine can see."""
        kept = {name: os.environ[name] for name in PASSED if name in os.environ}
        return kept | self.place.environment()

    def check_shared(self) -> None:
        """Raise InputError where other machines cannot take part."""
        for flag, url in (("--storage", self.place.storage), ("--tracking-uri", self.place.tracking)):
            if url.startswith("sqlite"):
                raise InputError(
                    f"workers on other machines need a {flag} that they reach, such as postgresql+psycopg://...; "
                    f"SQLite serves one machine. Found {url}"
                )

    def check_study(self) -> None:
        """Raise InputError where the storage has no such study or validation, rather than on each machine."""
        from tuner.storage.opening import load_study, open_storage

        opened = open_storage(self.place.storage)
        if self.name:
            load_study(opened, self.name)


def launch(
    where: str,
    place: Place,
    name: str | None,
    *,
    count: int | None = None,
    device: str | None = None,
    given: Sequence[str] = (),
    say: Callable[[str], None],
) -> None:
    """Start workers by the launcher `where`; given: its settings, KEY=VALUE each, or `help`, which lists them.

    Raises InputError for an unknown launcher or setting, a package or a program that is not there, and what the cluster
    refuses; RunError where workers that are watched failed.
    """
    module = registry.load(PACKAGE, where, "launcher")
    if "help" in given:
        say(_described(module) or f"{where} has no settings")
        return
    device = device or "auto"
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(
            f"--device must be auto, cpu or cuda for a launcher, which gives each worker one; found {device!r}"
        )
    if name is not None:
        names.check(name)
    module.launch(Workers(name, place, count, device, _settings(where, module, given)), say)


def _described(module: ModuleType) -> str:
    known: dict[str, Setting] = module.SETTINGS
    width = max((len(f"{key}={setting.default}") for key, setting in known.items()), default=0)
    return "\n".join(f"{f'{key}={one.default}':<{width}}  {one.help}" for key, one in known.items())


def _settings(where: str, module: ModuleType, given: Sequence[str]) -> dict[str, str]:
    known: dict[str, Setting] = module.SETTINGS
    found = {key: setting.default for key, setting in known.items()}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise InputError(f"--set takes KEY=VALUE; found {one!r}")
        if key not in known:
            raise InputError(unknown(f"setting of {where}", key, sorted(known)))
        found[key] = value
    return found


def require(package: str, launcher: str) -> ModuleType:
    """Import what a launcher needs, or raise InputError with the pip command."""
    try:
        return import_module(package)
    except ImportError as error:
        raise InputError(
            f"the launcher {launcher} needs a package that is not installed ({error.name or package}): "
            f"pip install 'loss-weight-tuner[{launcher}]'"
        ) from None

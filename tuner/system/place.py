"""Where studies live: the state folder, the study storage and the tracking server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import InputError

STATE = Path("mlruns")
PROJECT = "TUNER_PROJECT"
"""Environment variable: a folder in which files of a study are looked for that are not where they were."""
LONGEST = 200
"""Characters of the state folder's path: MLflow's columns for places of artifacts hold 256, and more comes below."""


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever characters its path holds: `%`, `?` and `#` mean something in a URL."""
    from sqlalchemy.engine import URL, make_url  # a third of a second, which `--help` need not wait for

    plain = f"sqlite:///{path}"
    if make_url(plain).database == str(path):
        return plain  # as people write it
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database or server. Raises InputError for a database in memory."""
    if not url.startswith("sqlite"):
        return None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        database = make_url(url).database
    except (ArgumentError, ValueError):
        database = None
    if not database or database == ":memory:" or database.startswith("file:"):
        raise InputError(f"expected the URL of a file, sqlite:///PATH; found {url}")
    return Path(database)


def folder(path: Path, what: str = "state folder") -> Path:
    """An absolute path from what a user gave. Raises InputError where no such folder can be."""
    text = str(path)
    try:
        text.encode()
        expanded = path.expanduser()
    except UnicodeEncodeError:
        raise InputError(f"{what} {text!r} holds bytes that are no UTF-8; choose another folder") from None
    except RuntimeError:
        raise InputError(f"{what} {text!r}: there is no such user; write ./{text} for a folder of that name") from None
    if not text.isprintable():
        raise InputError(f"{what} {text!r} holds control characters; choose another folder")
    return expanded.absolute()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study lives."""

    state: Path
    storage: str
    tracking: str
    project: Path | None = None
    """a folder in which files of a study are looked for that are not where they were"""

    @classmethod
    def at(
        cls, state: Path, storage: str | None = None, tracking: str | None = None, project: Path | None = None
    ) -> Place:
        """Defaults: two SQLite files in the state folder. Raises InputError for a folder or a URL that cannot be."""
        state = folder(state)
        if len(str(state)) > LONGEST:
            raise InputError(
                f"the path of the state folder has at most {LONGEST} characters; found {len(str(state))}: "
                f"{str(state)[:60]}..."
            )
        for flag, url in (("--storage", storage), ("--tracking-uri", tracking)):
            if url is not None:
                _check_url(flag, url)
        given = project or os.environ.get(PROJECT)
        return cls(
            state,
            storage or sqlite_url(state / "optuna.db"),
            tracking or sqlite_url(state / "mlflow.db"),
            folder(Path(given), "project folder") if given else None,
        )

    def environment(self) -> dict[str, str]:
        """Variables by which another process on this machine finds the same place, beside the state folder.

        By environment, not by flag: a URL may hold a password, and flags are visible to everyone.
        """
        found = {"TUNER_STORAGE": self.storage, "TUNER_TRACKING_URI": self.tracking}
        return found | ({PROJECT: str(self.project)} if self.project else {})

    @property
    def made(self) -> bool:
        """Whether there can be a study to look at: the embedded storage exists only after the first start."""
        embedded = self.state / "optuna.db"
        return self.storage != sqlite_url(embedded) or embedded.exists()

    @property
    def embeds_tracking(self) -> bool:
        """Whether MLflow's database lies in the state folder."""
        return self.tracking == sqlite_url(self.state / "mlflow.db")

    def prepare(self) -> None:
        """Make the state folder, or raise InputError where it cannot be written."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            probe = self.state / ".write_test"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise InputError(f"state folder {self.state} cannot be written: {error.strerror or error}") from None


def _check_url(flag: str, url: str) -> None:
    if not url.isprintable() or len(url) > 2000:
        raise InputError(f"{flag}: expected a URL of at most 2,000 printable characters; found {url[:60]!r}")
    try:
        sqlite_file(url)
    except InputError as error:
        raise InputError(f"{flag}: {error}") from None

"""Where studies live: the state folder, the study storage and the tracking server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuner.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study lives."""

    state: Path
    storage: str
    tracking: str

    @classmethod
    def at(cls, state: Path, storage: str | None = None, tracking: str | None = None) -> Place:
        """Defaults: two SQLite files in the state folder."""
        state = state.expanduser().absolute()
        return cls(state, storage or f"sqlite:///{state / 'optuna.db'}", tracking or f"sqlite:///{state / 'mlflow.db'}")

    @property
    def made(self) -> bool:
        """Whether there can be a study to look at: the embedded storage exists only after the first start."""
        embedded = self.state / "optuna.db"
        return self.storage != f"sqlite:///{embedded}" or embedded.exists()

    def prepare(self) -> None:
        """Make the state folder, or raise InputError where it cannot be written."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            probe = self.state / ".write_test"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise InputError(f"state folder {self.state} cannot be written: {error.strerror or error}") from None


STATE = Path("mlruns")

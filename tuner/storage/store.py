"""A place whose storage is open, handed on to whatever looks into it: opening one takes a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.system.place import Place

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.study._frozen import FrozenStudy


@dataclass(frozen=True, slots=True)
class Store:
    """A place and its open storage."""

    place: Place
    storage: BaseStorage

    @classmethod
    def of(cls, where: Place | Store) -> Store:
        """The store of a place, opened now unless it is one already. InputError where it cannot be reached."""
        if isinstance(where, Store):
            return where
        from tuner.storage.opening import open_storage

        return cls(where, open_storage(where.storage))

    def names(self) -> list[str]:
        """Studies and validations in the storage."""
        from tuner.storage.opening import study_names

        return study_names(self.storage)

    def load(self, name: str) -> optuna.Study:
        """Optuna's study of that name; InputError with those that exist."""
        from tuner.storage.opening import load_study

        return load_study(self.storage, name)

    def newest_first(self) -> list[FrozenStudy]:
        """All studies and validations with their attributes, the one made last first."""
        return sorted(self.storage.get_all_studies(), key=lambda s: -s._study_id)

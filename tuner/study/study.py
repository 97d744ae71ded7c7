"""A study: a spec, its data, its Optuna study and its MLflow runs, made once and joined by anyone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import InputError
from tuner.spec.model import Spec
from tuner.storage.record import Runs, StudyRecord, ValidationRecord, check_format
from tuner.storage.store import Store
from tuner.system import names
from tuner.system.masking import masked
from tuner.system.place import Place

if TYPE_CHECKING:
    import optuna

    from trainer.data import Dataset
    from tuner.tracking.client import Tracker


@dataclass(slots=True)
class Study:
    """An open study."""

    name: str
    spec: Spec
    place: Place
    optuna: optuna.Study

    @property
    def record(self) -> StudyRecord:
        """What it keeps in the storage, read now."""
        return StudyRecord.of(self.optuna)

    @property
    def n_trials(self) -> int:
        """How many trials there will be in all."""
        return self.record.n_trials

    @property
    def runs(self) -> Runs:
        """The MLflow experiment and the parent run."""
        runs = self.record.runs
        assert runs is not None, "written before the spec"
        return runs

    @property
    def store(self) -> Store:
        """Where it lives, open."""
        return Store(self.place, self.optuna._storage)

    @property
    def report(self) -> Path:
        """Where its report is written; plots lie beside it."""
        return self.place.state / "reports" / self.name / "report.html"

    def data(self) -> Dataset:
        """Load the data; refuses data that changed since the study was made. A study of a script has none."""
        data = load_data(self.spec)
        known = self.record.data_fingerprint
        if known not in (None, data.fingerprint):
            raise InputError(
                f"study {self.name!r} was made on other data: fingerprint {known}, found {data.fingerprint} "
                f"in {self.spec.data.path or self.spec.data.source}; choose another --name, or name "
                "the file that it was made on: --data FILE"
            )
        return data

    def tracker(self) -> Tracker:
        """Connect to MLflow."""
        from tuner.tracking.client import Tracker

        return Tracker(self.place.tracking, self.place.state)


def load_data(spec: Spec) -> Dataset:
    """The data of a study file."""
    from trainer.data import load

    return load(spec.data.source, spec.data.path, seed=spec.seed, labels=spec.data.labels)


def open_study(where: Place | Store, name: str) -> Study:
    """Join a study that exists. Raises InputError where there is none of that name.

    Its name becomes file names here; that another host put it into the storage does not make it one.
    """
    from tuner.search.pruning import RungPruner
    from tuner.spec.file import parse
    from tuner.study import moved

    names.check(name)
    store = Store.of(where)
    place, opened = store.place, store.load(name)
    record = StudyRecord.of(opened)
    if record.spec is None:
        raise InputError(
            f"study {name!r} in {masked(place.storage)} was not made by this tuner, or is "
            "being made now; where its maker was killed, `tuner start` with its file makes it anew"
        )
    check_format(record.format, f"study {name!r}")
    spec = moved.here(parse(dict(record.spec)), record.state_folder, record.code, place)
    search = spec.search
    if search.pruner == "rungs":
        opened.pruner = RungPruner(spec.training.epochs, search.first_rung, search.reduction, search.min_peers)
    else:
        import optuna

        opened.pruner = optuna.pruners.NopPruner()
    return Study(name, spec, place, opened)


def exists(where: Place | Store, name: str) -> bool:
    """Whether the storage holds a study of that name; what a killed process has left of one is cleared."""
    from tuner.study import making

    store = Store.of(where)
    return name in store.names() and making.settled(store.storage, name, whole) is not None


def whole(study: optuna.Study) -> bool:
    """Whether a search or a validation is made: its spec, or its plan, is written last."""
    return StudyRecord.of(study).spec is not None or ValidationRecord.of(study).whole

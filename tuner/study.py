"""A study: a spec, its data, its Optuna study and its MLflow runs, made once and joined by anyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner import names
from tuner.errors import InputError, RunError
from tuner.masking import masked
from tuner.spec import Spec

DETACHED = "detached"
"""The study attribute that tells that nobody waits for its end: the worker that ends it writes the comparison."""

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

    from trainer.data import Dataset
    from tuner.tracking import Tracker


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


@dataclass(slots=True)
class Study:
    """An open study."""

    name: str
    spec: Spec
    place: Place
    optuna: optuna.Study

    @property
    def n_trials(self) -> int:
        """How many trials there will be in all."""
        return int(self.optuna.user_attrs["n_trials"])

    @property
    def runs(self) -> dict[str, str]:
        """Ids of the MLflow experiment and the parent run."""
        found: dict[str, str] = self.optuna.user_attrs["mlflow"]
        return found

    @property
    def report(self) -> Path:
        """Where its report is written; plots lie beside it."""
        return self.place.state / "reports" / self.name / "report.html"

    def data(self) -> Dataset:
        """Load the data; refuses data that changed since the study was made. A study of a script has none."""
        data = load_data(self.spec)
        known = self.optuna.user_attrs.get("data_fingerprint")
        if known not in (None, data.fingerprint):
            raise InputError(
                f"study {self.name!r} was made on other data: fingerprint {known}, found {data.fingerprint} "
                f"in {self.spec.data.path or self.spec.data.source}; choose another --name"
            )
        return data

    def tracker(self) -> Tracker:
        """Connect to MLflow."""
        from tuner.tracking import Tracker

        return Tracker(self.place.tracking, self.place.state)


def load_data(spec: Spec) -> Dataset:
    """The data of a study file."""
    from trainer.data import load

    return load(spec.data.source, spec.data.path, seed=spec.seed, labels=spec.data.labels)


def with_overrides(
    spec: Spec,
    *,
    epochs: int | None = None,
    trials: int | None = None,
    seed: int | None = None,
    data: str | None = None,
    plans: Mapping[str, Mapping[str, Any]] | None = None,
) -> Spec:
    """The spec with what the command line changes; `plans` come before those that it has."""
    from tuner.study_file import parse

    raw = spec_dict(spec)
    if epochs is not None:
        raw["training"]["epochs"] = epochs
    if trials is not None:
        raw["search"]["trials"] = trials
    if seed is not None:
        raw["seed"] = seed
    if data is not None:
        if spec.command is not None:
            raise InputError("--data does not reach a script, which reads its own data")
        from trainer.data import source_of

        path = str(Path(data).expanduser().absolute())
        raw["data"] |= {"source": source_of(path), "path": path}
    if plans:
        raw["plans"] = {**plans, **{n: knobs for n, knobs in (raw["plans"] or {}).items() if n not in plans}}
    return parse(raw)


def spec_dict(spec: Spec) -> dict[str, Any]:
    """The spec as plain data, as it is stored."""
    return spec.model_dump(mode="json")


def open_study(place: Place, name: str, opened_storage: BaseStorage | None = None) -> Study:
    """Join a study that exists. Raises InputError where there is none of that name.

    opened_storage: the place's storage where it is open already, since opening it takes a while.

    Its name becomes file names here; that another host put it into the storage does not make it one.
    """
    from tuner import storage
    from tuner.pruning import RungPruner
    from tuner.study_file import parse

    names.check(name)
    opened = storage.load_study(opened_storage or storage.open_storage(place.storage), name)
    attrs = opened.user_attrs
    if "spec" not in attrs:
        raise InputError(f"study {name!r} in {masked(place.storage)} was not made by this tuner, or is being made now")
    spec = parse(attrs["spec"])
    search = spec.search
    if search.pruner == "rungs":
        opened.pruner = RungPruner(spec.training.epochs, search.first_rung, search.reduction, search.min_peers)
    else:
        import optuna

        opened.pruner = optuna.pruners.NopPruner()
    return Study(name, spec, place, opened)


def exists(place: Place, name: str) -> bool:
    """Whether the storage holds a study of that name."""
    from tuner import storage

    return name in storage.study_names(storage.open_storage(place.storage))


def create_study(place: Place, name: str, spec: Spec, warm: Sequence[Mapping[str, Any]] = ()) -> Study:
    """Make a study: its Optuna study with a full queue, its experiment and its parent run in MLflow.

    warm: configs of an earlier study that are tried after the plans, as tuner/warm_start.py finds them.
    """
    import optuna
    from optuna.exceptions import DuplicatedStudyError
    from optuna.study import StudyDirection

    from tuner import dashboard, own_code, provenance, storage, view
    from tuner.tracking import Tracker

    names.check(name)
    place.prepare()
    data = load_data(spec) if spec.command is None else None
    opened = storage.open_storage(place.storage)
    tracker = Tracker(place.tracking, place.state)
    tags = {
        "kind": "study",
        "study": name,
        "objective": spec.objective,
        **provenance.tags("", spec.seed, data.fingerprint if data else ""),
    }
    code = own_code.fingerprints(spec)
    trained = {"data": spec.data.path or spec.data.source} if data else {"command": spec.command}
    params = {**trained, "epochs": spec.training.epochs, "seed": spec.seed}
    params |= {f"range.{knob}": rng.describe() for knob, rng in spec.knobs.items()}
    runs = tracker.study(name, tags, params)
    for file in own_code.files(spec):
        tracker.artifact(runs["run_id"], file, "code")
    direction = StudyDirection[spec.goal.direction.upper()]
    try:
        made = optuna.create_study(study_name=name, storage=opened, direction=direction)
    except DuplicatedStudyError:
        tracker.delete(runs["run_id"])
        raise RunError(f"study {name!r} is being made by another process; the same command again joins it") from None
    try:
        dashboard.name_objective(made, spec.objective)
        # The spec comes last: a study that has one is whole.
        for key, value in {
            "data_fingerprint": data.fingerprint if data else None,
            "data": describe(data) if data else None,
            "code": code,
            "mlflow": runs,
            "n_trials": spec.search.trials,
            "warm_start": list(warm),
            "versions": provenance.versions(),
            "spec": spec_dict(spec),
        }.items():
            made.set_user_attr(key, value)
    except BaseException:
        # Interrupted half-way: the name must not stay taken by something that cannot be opened.
        optuna.delete_study(study_name=name, storage=opened)
        raise
    study = open_study(place, name)
    tracker.experiment_tags(runs["experiment_id"], view.tags(study))
    fill_queue(study)
    return study


def fill_queue(study: Study) -> None:
    """Enqueue the baseline, the plans, what an earlier study hands on, and as many free trials as are missing."""
    from tuner import storage

    spec = study.spec
    named = {name: (spec.searched(config), spec.overrides(config)) for name, config in spec.named().items()}
    storage.enqueue(study.optuna, study.n_trials, named, study.optuna.user_attrs.get("warm_start", []))


def differences(old: Spec, new: Spec) -> list[str]:
    """Fields in which two specs differ, as `field: old -> new`; the number of trials may change and does not count."""
    a, b = _flat(spec_dict(old)), _flat(spec_dict(new))
    ignored = {"search.trials", "description"}  # and `export`, which changes nothing that is trained
    missing = "(absent)"
    return [
        f"{key}: {a.get(key, missing)} -> {b.get(key, missing)}"
        for key in sorted(a.keys() | b.keys())
        if key not in ignored and not key.startswith("export.") and a.get(key, missing) != b.get(key, missing)
    ]


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict) or not data:
        return {prefix: data}
    return {k: v for key, value in data.items() for k, v in _flat(value, f"{prefix}.{key}" if prefix else key).items()}


def describe(data: Dataset) -> dict[str, Any]:
    """What the data is, in a few numbers."""
    return {
        "name": data.name,
        "rows": data.n,
        "split": [len(data.rows(part)) for part in (0, 1, 2)],
        "labelled_train": int((data.labels[data.rows(0)] >= 0).sum()),
        "views": {name: view.shape[1] for name, view in data.views.items()},
        "classes": list(data.label_names),
        "dialogues": None if data.dialogue is None else len(set(data.dialogue.tolist())),
        "terms": data.terms,
    }

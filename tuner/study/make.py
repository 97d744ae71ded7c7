"""Make a study: its queue in the storage, its experiment and its parent run in MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer.data.standardise import odd
from tuner.errors import RunError
from tuner.spec.edit import spec_dict
from tuner.spec.model import Spec
from tuner.storage.record import FORMAT, DataFacts, TrialRecord, WarmConfig, write_study
from tuner.system import names
from tuner.system.place import Place

if TYPE_CHECKING:
    import optuna

    from trainer.data import Dataset
from tuner.storage.store import Store
from tuner.study.study import Study, load_data, open_study


def create_study(
    where: Place | Store,
    name: str,
    spec: Spec,
    warm: Sequence[WarmConfig] = (),
    *,
    added: Sequence[str] = (),
    inert: Sequence[str] = (),
) -> Study:
    """Make a study: its Optuna study with a full queue, its experiment and its parent run in MLflow.

    warm: configs of an earlier study that are tried after the plans, as tuner/study/warm_start.py finds them; added:
    plans that an option has named; inert: knobs of the study file that do nothing.
    """
    from tuner.study import making, own_code
    from tuner.system import provenance
    from tuner.tracking import charts, dashboard
    from tuner.tracking.client import Tracker

    names.check(name)
    place = where.place if isinstance(where, Store) else where
    place.prepare()
    data = load_data(spec) if spec.command is None else None
    store = Store.of(where)
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

    def write(study: optuna.Study) -> None:
        dashboard.name_objective(study, spec.objective)
        runs = tracker.study(name, tags, params)
        for file in own_code.files(spec):
            tracker.artifact(runs.run_id, file, "code")
        tracker.experiment_tags(runs.experiment_id, charts.tags(spec))
        # The spec comes last: a study that has one is whole.
        write_study(
            study,
            format=FORMAT,
            data_fingerprint=data.fingerprint if data else None,
            data=describe(data) if data else None,
            code=code,
            runs=runs,
            n_trials=spec.search.trials,
            warm_start=warm,
            added_plans=added,
            inert=inert,
            versions=provenance.versions(),
            state_folder=place.state,
            spec=spec_dict(spec),
        )

    if not making.make(store.storage, name, spec.goal.direction.upper(), write):
        raise RunError(f"study {name!r} is being made by another process; the same command again joins it")
    study = open_study(store, name)
    fill_queue(study)
    return study


def fill_queue(study: Study) -> None:
    """Enqueue the baseline, the plans, what an earlier study hands on, and as many free trials as are missing."""
    from tuner.storage import opening

    spec = study.spec
    first: list[tuple[Mapping[str, Any], TrialRecord]] = [
        (spec.searched(config), TrialRecord(plan=name, overrides=spec.overrides(config)))
        for name, config in spec.named().items()
    ]
    record = study.record
    first += [(one.params, TrialRecord(origin=one.origin)) for one in record.warm_start]
    opening.enqueue(study.optuna, record.n_trials, first)


def describe(data: Dataset) -> DataFacts:
    """What the data is, in a few numbers."""
    return DataFacts(
        name=data.name,
        rows=data.n,
        split=tuple(len(data.rows(part)) for part in (0, 1, 2)),
        labelled_train=int((data.labels[data.rows(0)] >= 0).sum()),
        views={name: view.shape[1] for name, view in data.views.items()},
        classes=list(data.label_names),
        dialogues=None if data.dialogue is None else len(set(data.dialogue.tolist())),
        terms=data.terms,
        remarks=[one.text for one in odd(data)],
    )

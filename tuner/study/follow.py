"""A study goes on with files that are elsewhere by now, where they hold the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tuner.spec import places
from tuner.spec.edit import spec_dict
from tuner.spec.model import Spec
from tuner.storage.record import write_study
from tuner.study import own_code
from tuner.study.study import Study, load_data


def follow(study: Study, wanted: Spec, *, data: bool = True) -> Study:
    """The study with the paths of `wanted`, where they hold the same files as its own or its own are gone.

    data: whether the data's path counts too; a study file may name other data than the study was made on.
    They are written down, so that workers find them too. Raises InputError where data cannot be read.
    """
    old, new = places.of(study.spec), places.of(wanted)
    other = {
        field: new[field]
        for field in old.keys() & new.keys()
        if old[field] != new[field] and (data or field != places.DATA)
    }
    taken = {field: path for field, path in other.items() if _same(study, wanted, field, old[field])}
    if not taken:
        return study
    spec = places.with_paths(study.spec, taken)
    write_study(study.optuna, state_folder=study.place.state, spec=spec_dict(spec))
    return replace(study, spec=spec)


def _same(study: Study, wanted: Spec, field: str, before: Path) -> bool:
    record = study.record
    if field != places.DATA:
        return not before.exists() or own_code.fingerprints(wanted) == record.code
    # The seed decides the split, which the fingerprint covers.
    asked = study.spec.model_copy(update={"data": wanted.data.model_copy(update={"labels": study.spec.data.labels})})
    return bool(load_data(asked).fingerprint == record.data_fingerprint)

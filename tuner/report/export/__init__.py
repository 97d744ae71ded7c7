"""The best config in the form that training code takes, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuner.errors import InputError, unknown
from tuner.report.export.args import as_args
from tuner.report.export.hydra import as_hydra
from tuner.report.export.latex import as_latex
from tuner.report.export.python import as_python
from tuner.spec import yaml
from tuner.storage.record import WEIGHTED_F1, TrialRecord, config_of
from tuner.study.study import Study
from tuner.study.summary import best_trial

FORMATS = ("yaml", "json", "args", "hydra", "python", "latex", "html")


def export(study: Study, form: str = "yaml", judged: Mapping[str, Any] | None = None) -> str:
    """The best config as text; `args` alone does not say where it came from, see `provenance`.

    `html` is the report of the study as it stands, which needs no completed trial. judged: what a validation said of
    the config, for its provenance.

    Raises InputError for an unknown format, a study with no completed trial, and a config that the format cannot
    express.
    """
    if form not in FORMATS:
        raise InputError(unknown("format", form, FORMATS))
    if form == "html":
        from tuner.report.study import report

        return report(study).html()
    best = best_trial(study)
    if best is None:
        raise InputError(f"study {study.name!r} has no completed trial to export yet; see: tuner status {study.name}")
    config = config_of(study.spec, best)
    if form == "args":
        return as_args(study.spec, config) + "\n"
    if form == "hydra":
        return as_hydra(config.knobs()) + "\n"
    if form == "latex":
        return as_latex(study.name, study.spec.named()["baseline"].knobs(), config.knobs(), judged)
    if form == "python":
        return as_python(config, provenance(study, judged))
    flat: dict[str, Any] = {**config.knobs(), "provenance": provenance(study, judged)}
    return yaml.dump(flat) if form == "yaml" else json.dumps(flat, indent=2) + "\n"


def provenance(study: Study, judged: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Where the best config came from: study, trial, scores, data, versions and the verdict of a validation on it."""
    best = best_trial(study)
    assert best is not None
    attrs = study.optuna.user_attrs
    scores = TrialRecord.of(best).result.test
    found = {
        "study": study.name,
        "trial": best.number,
        study.spec.objective: best.value,
        # A script's scores have names of their own.
        **({WEIGHTED_F1: scores[WEIGHTED_F1]} if WEIGHTED_F1 in scores else scores),
        "seed": study.spec.seed,
        **({"data": attrs["data"]["name"]} if attrs["data"] else {"command": study.spec.command}),
        "data_fingerprint": attrs["data_fingerprint"],
        **({"code": attrs["code"]} if attrs.get("code") else {}),
        "versions": attrs["versions"],
    }
    return found | ({"verdict": dict(judged)} if judged else {})

"""A config of a study in the form that training code takes, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from tuner.errors import InputError, unknown
from tuner.report.export.args import as_args
from tuner.report.export.hydra import as_hydra
from tuner.report.export.latex import as_latex
from tuner.report.export.python import as_python
from tuner.spec import yaml
from tuner.spec.template import render
from tuner.storage.record import WEIGHTED_F1, TrialRecord, config_of
from tuner.study.answer import answer_of, trial_of
from tuner.study.study import Study

ANSWER = ("verdict", "candidate", "difference", "ci", "metric", "seeds", "race")
"""What the provenance tells of an answer."""
FORMATS = ("yaml", "json", "args", "hydra", "config", "python", "latex", "html")


def export(
    study: Study, form: str = "yaml", judged: Mapping[str, Any] | None = None, trial: FrozenTrial | None = None
) -> str:
    """A config as text, by default the study's answer; `args` alone does not say where it came from, see `provenance`.

    `html` is the report of the study as it stands, which needs no completed trial. judged: what a validation said of
    the config, for its provenance. trial: another one than the answer's, of `trial_of`.

    Raises InputError for an unknown format, a study with no completed trial, and a config that the format cannot
    express.
    """
    if form not in FORMATS:
        raise InputError(unknown("format", form, FORMATS))
    if form == "html":
        from tuner.report.study import report

        return report(study).html()
    trial = trial or trial_of(study)
    config = config_of(study.spec, trial)
    if form == "args":
        return as_args(study.spec, config) + "\n"
    if form == "hydra":
        return as_hydra(config.knobs()) + "\n"
    if form == "config":
        if study.spec.script.config is None:
            raise InputError("the study makes no config file: --format config is for those with script.config")
        return render(Path(study.spec.script.config), config.knobs(), {})
    if form == "latex":
        return as_latex(study.name, study.spec.named()["baseline"].knobs(), config.knobs(), judged)
    if form == "python":
        return as_python(config, provenance(study, judged, trial))
    flat: dict[str, Any] = {**config.knobs(), "provenance": provenance(study, judged, trial)}
    return yaml.dump(flat) if form == "yaml" else json.dumps(flat, indent=2) + "\n"


def provenance(
    study: Study, judged: Mapping[str, Any] | None = None, trial: FrozenTrial | None = None
) -> dict[str, Any]:
    """Where a config came from: study, trial, scores, data, versions, the race behind it, a validation's verdict on it.

    trial: as for `export`.
    """
    trial = trial or trial_of(study)
    record = study.record
    scores = TrialRecord.of(trial).result.test
    answer = answer_of(study)
    said = answer.as_data() if answer and answer.trial == trial.number else {}
    found: dict[str, Any] = {
        "study": study.name,
        "trial": trial.number,
        **{name: said[name] for name in ("from", "reason") if name in said},
        **({"answer": {name: said[name] for name in ANSWER}} if said else {}),
        study.spec.objective: trial.value,
        # A script's scores have names of their own.
        **({WEIGHTED_F1: scores[WEIGHTED_F1]} if WEIGHTED_F1 in scores else scores),
        "seed": study.spec.seed,
        **({"data": record.data.name} if record.data else {"command": study.spec.command}),
        "data_fingerprint": record.data_fingerprint,
        **({"code": dict(record.code)} if record.code else {}),
        "versions": dict(record.versions),
    }
    return found | ({"verdict": dict(judged)} if judged else {})

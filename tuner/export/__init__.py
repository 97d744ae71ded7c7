"""The best config in the form that training code takes, and where it came from."""

from __future__ import annotations

import json
from typing import Any

from tuner import yaml
from tuner.errors import InputError, unknown
from tuner.export.args import as_args
from tuner.export.python import as_python
from tuner.export.verdict import verdict
from tuner.study import Study
from tuner.summary import best_trial, config_of

TEST = "test/weighted_f1"
FORMATS = ("yaml", "json", "args", "python", "html")


def export(study: Study, form: str = "yaml") -> str:
    """The best config as text; `args` alone does not say where it came from, see `provenance`.

    `html` is the report of the study as it stands, which needs no completed trial.

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
    if form == "python":
        return as_python(config, provenance(study))
    flat: dict[str, Any] = {**config.knobs(), "provenance": provenance(study)}
    return yaml.dump(flat) if form == "yaml" else json.dumps(flat, indent=2) + "\n"


def provenance(study: Study) -> dict[str, Any]:
    """Where the best config came from: study, trial, scores, data, versions and the verdict of a validation on it."""
    best = best_trial(study)
    assert best is not None
    attrs = study.optuna.user_attrs
    scores = best.user_attrs["result"]["test"]
    found = {
        "study": study.name,
        "trial": best.number,
        study.spec.objective: best.value,
        **({TEST: scores[TEST]} if TEST in scores else scores),  # a script's scores have names of their own
        "seed": study.spec.seed,
        **({"data": attrs["data"]["name"]} if attrs["data"] else {"command": study.spec.command}),
        "data_fingerprint": attrs["data_fingerprint"],
        **({"code": attrs["code"]} if attrs.get("code") else {}),
        "versions": attrs["versions"],
    }
    judged = verdict(study, config_of(study.spec, best))
    return found | ({"verdict": judged} if judged else {})

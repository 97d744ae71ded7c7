"""Where a study is seen in the MLflow UI: a link to its runs, with the columns that matter."""

from __future__ import annotations

import json
from typing import Any

from tuner.study import Study

KEY = "study"
"""Name of the shared view; the UI reads its JSON from the experiment tag `mlflow.sharedViewState.<name>`."""


def tags(study: Study) -> dict[str, str]:
    """Experiment tags that preset the run table: state, objective, knobs, test F1, epochs; best first."""
    objective = f"metrics.`best/{study.spec.objective.removeprefix('val/')}`"
    columns = [
        "tags.`state`",
        objective,
        *(f"params.`{knob}`" for knob in study.spec.order()),
        "metrics.`test/weighted_f1`",
        "metrics.`epochs`",
        "tags.`plan`",
    ]
    state: dict[str, Any] = {
        "orderByKey": objective,
        "orderByAsc": study.optuna.direction.name == "MINIMIZE",
        "selectedColumns": columns,
        "runsHidden": [],
        "runsPinned": [],
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": None,
        "viewMaximized": True,
        "runListHidden": False,
    }
    return {f"mlflow.sharedViewState.{KEY}": json.dumps(state)}


def link(base: str, experiment_id: str) -> str:
    """The study's view. Without the workflow type MLflow opens a page for language models, without metrics."""
    return f"{base}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"

"""Where a study is seen in the MLflow UI: links to its pages, and the table and charts that they open with.

MLflow does not document the format of a shared view; tests look at the pages in a browser. An empty `base` makes links
that work from within the UI, wherever it is served.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tuner import charts, storage
from tuner.study import Place, Study

KEY = "study"
"""Name of the shared view; the UI reads its JSON from the experiment tag `mlflow.sharedViewState.<name>`."""
TRAINING = "workflowType=machine_learning"
"""Without it MLflow opens pages for language models, where there are no metrics."""
WIDTHS = {"attributes.`Run Name`": 340, "tags.`state`": 95, "metrics.`epochs`": 70}


def tags(study: Study) -> dict[str, str]:
    """Experiment tags that preset the run table (state, objective, test F1, epochs, knobs; best first) and charts."""
    objective = f"metrics.`{charts.objective_metric(study.spec.objective)}`"
    columns = [
        "tags.`state`",
        objective,
        "metrics.`test/weighted_f1`",
        "metrics.`epochs`",
        *(f"params.`{knob}`" for knob in study.spec.order()),
        "tags.`plan`",
    ]
    state: dict[str, Any] = {
        "orderByKey": objective,
        "orderByAsc": study.optuna.direction.name == "MINIMIZE",
        "selectedColumns": columns,
        "columnOrder": ["attributes.`Run Name`", *columns, "duration"],
        "columnWidths": {**WIDTHS, objective: 115, "metrics.`test/weighted_f1`": 115},
        "runsHidden": [],
        "runsHiddenMode": "FIRST_20_RUNS",
        "viewMaximized": True,
        "runListHidden": False,
        **charts.layout(study.spec),
    }
    return {f"mlflow.sharedViewState.{KEY}": json.dumps(state)}


def runs(base: str, experiment: str) -> str:
    """The table of a study's runs."""
    return _at(base, f"experiments/{experiment}/runs?{TRAINING}&viewStateShareKey={KEY}")


def curves(base: str, experiment: str) -> str:
    """The charts of a study's runs."""
    return runs(base, experiment) + "&compareRunsMode=CHART"


def run(base: str, experiment: str, run_id: str) -> str:
    """One run; of a study's own run, its note."""
    return _at(base, f"experiments/{experiment}/runs/{run_id}?{TRAINING}")


def artifact(base: str, experiment: str, run_id: str, path: str) -> str:
    """A file of a run, previewed."""
    return _at(base, f"experiments/{experiment}/runs/{run_id}/artifacts/{quote(path)}?{TRAINING}")


def compare(base: str, experiment: str, run_ids: Sequence[str]) -> str:
    """Runs side by side."""
    query = urlencode({"runs": json.dumps(list(run_ids)), "experiments": json.dumps([experiment])}, quote_via=quote)
    return _at(base, f"compare-runs?{query}&{TRAINING}")


def image(run_id: str, path: str) -> str:
    """A picture of a run, for a note: relative to the page that shows the note."""
    return "get-artifact?" + urlencode({"path": path, "run_uuid": run_id}, quote_via=quote)


def pages(base: str, study: Study, summary: dict[str, Any]) -> dict[str, str]:
    """Where to look in the MLflow UI: words to links. base: of the server, or nothing for links within it."""
    run_id, experiment = study.runs["run_id"], study.runs["experiment_id"]
    told = [e for e in (summary["best"], summary["baseline"], *summary["plans"].values()) if e and e["run_id"]]
    found = {"runs": runs(base, experiment), "curves": curves(base, experiment)}
    if len(told) > 1:
        found["best against baseline and plans"] = compare(base, experiment, [*{e["run_id"]: 0 for e in told}])
    return found | {
        "story": run(base, experiment, run_id),
        "report": artifact(base, experiment, run_id, "report.html"),
    }


def validations(base: str, place: Place, most: int = 3) -> list[tuple[str, str]]:
    """(name, link to the report) of the validations in a storage, the latest first."""
    found = [s for s in storage.open_storage(place.storage).get_all_studies() if "validation" in s.user_attrs]
    latest = sorted(found, key=lambda s: -s._study_id)[:most]
    runs_of = [(s.study_name, s.user_attrs["mlflow"]) for s in latest if "mlflow" in s.user_attrs]
    return [(n, artifact(base, ids["experiment_id"], ids["run_id"], "report.html")) for n, ids in runs_of]


def _at(base: str, page: str) -> str:
    return f"{base}/#/{page}" if base else f"#/{page}"

"""Where a study is seen in the MLflow UI: links to its pages, and the table and charts that they open with.

MLflow does not document the format of a shared view; tests look at the pages in a browser. An empty `base` makes links
that work from within the UI, wherever it is served.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tuner.storage.record import Runs
from tuner.tracking.charts import KEY

TRAINING = "workflowType=machine_learning"
"""Without it MLflow opens pages for language models, where there are no metrics."""


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


def pages(base: str, ids: Runs, summary: dict[str, Any]) -> dict[str, str]:
    """Where to look in the MLflow UI: words to links. base: of the server, or nothing for links within it; ids: of the
    study's experiment and run."""
    run_id, experiment = ids.run_id, ids.experiment_id
    told = [e for e in (summary["best"], summary["baseline"], *summary["plans"].values()) if e and e["run_id"]]
    found = {"runs": runs(base, experiment), "curves": curves(base, experiment)}
    if len(told) > 1:
        found["best against baseline and plans"] = compare(base, experiment, [*{e["run_id"]: 0 for e in told}])
    return found | {
        "story": run(base, experiment, run_id),
        "report": report(base, ids),
    }


def report(base: str, ids: Runs) -> str:
    """The report of a study or a validation; ids: of its experiment and run."""
    return artifact(base, ids.experiment_id, ids.run_id, "report.html")


def _at(base: str, page: str) -> str:
    return f"{base}/#/{page}" if base else f"#/{page}"

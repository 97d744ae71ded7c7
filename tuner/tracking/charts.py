"""How the charts of a study are laid out in MLflow: what was searched first, then the curves by prefix.

MLflow makes a chart a metric by itself and puts it into the section of its prefix. So only the sections, their order
and a few charts of several values need to be told; sections of numbers that a run has once start folded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuner.spec.model import Spec

CURVES = ("val", "train", "loss", "weighted", "weight", "gap", "grad", "gate")
"""Prefixes of metrics with a value an epoch, open."""
FOLDED = ("val_f1", "test", "test_f1", "convergence", "replicates", "study", "Model metrics", "System metrics")
"""A class a chart, and what a run has once: bars. MLflow shows metrics without prefix as `Model metrics`."""
LARGEST_NUMBERS = 6
"""Scatter charts at most."""


def objective_metric(objective: str) -> str:
    """The metric with a trial's value of the objective."""
    return f"best/{objective.removeprefix('val/')}"


def layout(spec: Spec) -> dict[str, Any]:
    """The parts of a shared view that lay out the"""
    value = objective_metric(spec.objective)
    metric = {"key": value, "type": "METRIC"}
    numbers = [name for name, rng in spec.knobs.items() if rng.choices is None][:LARGEST_NUMBERS]
    # MLflow leaves out a run that lacks one of the knobs.
    conditions = {name: spec.vocabulary.knobs[name].when for name in spec.order()}
    everywhere = [name for name, when in conditions.items() if when is None or when[0] not in spec.knobs]
    knobs = {"selectedParams": everywhere, "selectedMetrics": [value], "showAllRuns": True}
    found = [
        _chart("knobs", "PARALLEL", "knobs", knobs),
        _chart("objective", "BAR", "objective", {"metricKey": value, "runsCountToCompare": 20}),
        _chart("test", "BAR", "objective", {"metricKey": "test/weighted_f1", "runsCountToCompare": 20}),
    ]
    for name in numbers:
        axes = {"xaxis": {"key": name, "type": "PARAM"}, "yaxis": metric, "runsCountToCompare": 100}
        found.append(_chart(f"by-{name}", "SCATTER", "objective", axes))
    first = [
        _section("knobs", columns=1, cardHeight=420),
        _section("objective"),
    ]
    rest = [_section(name) for name in CURVES] + [_section(name, display=False) for name in FOLDED]
    return {"compareRunCharts": found, "compareRunSections": first + rest, "isAccordionReordered": True}


def _section(name: str, **rest: Any) -> dict[str, Any]:
    known = {"uuid": f"section-{name}", "name": name, "display": True, "isReordered": True, "deleted": False}
    return {**known, "isGenerated": False, **rest}


def _chart(uuid: str, kind: str, section: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    known = {"uuid": f"chart-{uuid}", "type": kind, "metricSectionId": f"section-{section}"}
    return {**known, "deleted": False, "isGenerated": False, **settings}


KEY = "study"
"""Name of the shared view; the UI reads its JSON from the experiment tag `mlflow.sharedViewState.<name>`."""


WIDTHS = {"attributes.`Run Name`": 340, "tags.`state`": 95, "metrics.`epochs`": 70}


def tags(spec: Spec) -> dict[str, str]:
    """Experiment tags that preset the run table (state, objective, test F1, epochs, knobs; best first) and"""
    objective = f"metrics.`{objective_metric(spec.objective)}`"
    columns = [
        "tags.`state`",
        objective,
        "metrics.`test/weighted_f1`",
        "metrics.`epochs`",
        *(f"params.`{knob}`" for knob in spec.order()),
        "tags.`plan`",
    ]
    state: dict[str, Any] = {
        "orderByKey": objective,
        "orderByAsc": spec.goal.direction == "minimize",
        "selectedColumns": columns,
        "columnOrder": ["attributes.`Run Name`", *columns, "duration"],
        "columnWidths": {**WIDTHS, objective: 115, "metrics.`test/weighted_f1`": 115},
        "runsHidden": [],
        "runsHiddenMode": "FIRST_20_RUNS",
        "viewMaximized": True,
        "runListHidden": False,
        **layout(spec),
    }
    return {f"mlflow.sharedViewState.{KEY}": json.dumps(state)}

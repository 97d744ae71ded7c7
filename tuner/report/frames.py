"""Trials, curves and comparisons as pandas data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuner.report import note
from tuner.storage.record import TrialRecord, epochs_run

if TYPE_CHECKING:
    import pandas
    from optuna.trial import FrozenTrial

STATE = ("state", "value", "name", "epochs", "best_epoch", "seconds", "reason")
"""Columns that every trial has, in this order; then come its knobs, its test scores and its measures."""


def trials(found: Sequence[FrozenTrial], speeds: Mapping[int, Mapping[str, float]]) -> pandas.DataFrame:
    """A row a trial. speeds: measures that need the baseline, by trial number."""
    import pandas as pd

    rows = [_row(trial, speeds.get(trial.number, {})) for trial in found]
    index = pd.Index([trial.number for trial in found], name="trial", dtype="int64")
    columns = dict.fromkeys([*STATE, *(name for part in zip(*rows, strict=True) for cells in part for name in cells)])
    merged = [{name: value for part in row for name, value in part.items()} for row in rows]
    return pd.DataFrame(merged, index=index, columns=list(columns))


def _row(trial: FrozenTrial, speeds: Mapping[str, float]) -> tuple[dict[str, Any], ...]:
    """What is known of a trial, in groups of columns; what is not known yet is left out."""
    record = TrialRecord.of(trial)
    result = record.result
    first = {
        "state": trial.state.name.lower(),
        "value": trial.value if trial.state.name == "COMPLETE" else None,
        "name": record.label,
        "epochs": epochs_run(trial),
        "best_epoch": result.best_epoch,
        "seconds": trial.duration.total_seconds() if trial.duration is not None else None,
        "reason": result.reason or None,
    }
    knobs = record.config or trial.params
    return first, dict(knobs), dict(result.test), {**result.measures, **speeds}


def curves(found: Iterable[FrozenTrial], objective: str) -> pandas.DataFrame:
    """A row an epoch of a trial, a column a kept metric. A trial that still runs has the objective alone."""
    import pandas as pd

    parts = {}
    for trial in found:
        kept = TrialRecord.of(trial).result.curves
        series = {name: pd.Series(curve, range(1, len(curve) + 1), dtype=float) for name, curve in kept.items()}
        if objective not in series and trial.intermediate_values:
            series[objective] = pd.Series(trial.intermediate_values, dtype=float).sort_index()
        if series:
            parts[trial.number] = pd.DataFrame(series)
    if not parts:
        index = pd.MultiIndex.from_arrays([[], []], names=["trial", "epoch"])
        return pd.DataFrame({objective: pd.Series(dtype=float)}, index=index)
    return pd.concat(parts, names=["trial", "epoch"])


def history(points: Mapping[str, Mapping[int, float]]) -> pandas.DataFrame:
    """A row an epoch, a column a metric, from points by metric and epoch; what a run has once is left out."""
    import pandas as pd

    by_epoch = {name: {e: v for e, v in at.items() if e > 0} for name, at in points.items()}
    frame = pd.DataFrame({name: pd.Series(at, dtype=float) for name, at in sorted(by_epoch.items()) if at})
    return frame.sort_index().rename_axis("epoch")


def comparison(summary: dict[str, Any]) -> pandas.DataFrame:
    """Best, baseline, plans and the logistic regression: what `start` and `status` end with, as numbers."""
    import pandas as pd

    metric, test = summary["metric"], note.test_metric(summary)
    entries = {"best": summary["best"], "baseline": summary["baseline"], **summary["plans"]}
    rows = {
        who: {
            "trial": e["number"],
            metric: e["value"],
            test: e["test"].get(test),
            "epochs_to_95": e["measures"].get("convergence/epochs_to_95"),
        }
        for who, e in entries.items()
        if e is not None and e["value"] is not None
    }
    if summary["reference"]:
        rows["logistic regression"] = {name: summary["reference"].get(name) for name in (metric, test)}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["trial", metric, test, "epochs_to_95"])
    return frame.astype({"trial": "Int64"})


def listed(records: Sequence[Mapping[str, Any]], index: str) -> pandas.DataFrame:
    """Records as rows under one of their keys; a pair of numbers becomes two columns, `ci` `ci_low` and `ci_high`."""
    import pandas as pd

    rows = []
    for record in records:
        row: dict[str, Any] = {}
        for name, value in record.items():
            if name in ("ci", "claimed"):
                row[f"{name}_low"], row[f"{name}_high"] = value or (None, None)
            else:
                row[name] = value
        rows.append(row)
    return pd.DataFrame(rows).set_index(index) if rows else pd.DataFrame()

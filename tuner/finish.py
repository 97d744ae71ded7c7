"""What happens once when the queue is empty: compare, diagnose, draw, write down."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from trainer.convergence import speed
from tuner import diagnosis, export, note, plots, storage, view, yaml
from tuner.reference import logistic_regression
from tuner.study import Study, spec_dict
from tuner.summary import best_trial, curve, summarise, title
from tuner.tracking import NOTE, Tracker, finite


def finish(study: Study) -> dict[str, Any]:
    """Write the comparison, the diagnosis, the plots, the note and the best config; returns the summary.

    Doing it again, after more trials, replaces what was there.
    """
    tracker = study.tracker()
    if "reference" not in study.optuna.user_attrs:
        has_data = study.spec.command is None
        study.optuna.set_user_attr("reference", logistic_regression(study.data()) if has_data else None)
    done = storage.trials(study.optuna, [TrialState.COMPLETE])
    _add_speed(study, tracker, done)
    findings = diagnosis.as_data(diagnose(study, done))
    study.optuna.set_user_attr("diagnosis", findings)
    summary = summarise(study)
    run_id = study.runs["run_id"]
    with tempfile.TemporaryDirectory() as folder:
        for path in _files(study, summary, Path(folder)):
            tracker.artifact(run_id, path, "plots" if path.suffix == ".png" else None)
    titles = {t.number: title(t.number, t.user_attrs["config"], t.user_attrs.get("plan")) for t in done}
    text = note.markdown(summary, study.spec, study.optuna.user_attrs["data"], titles)
    tags = {NOTE: text, "state": summary["state"].upper(), "diagnosis": ", ".join(f["id"] for f in findings) or "none"}
    tracker.update(run_id, tags=tags, metrics=_metrics(summary))
    tracker.experiment_tags(study.runs["experiment_id"], {NOTE: text, **view.tags(study)})
    tracker.end_study(run_id, "FINISHED" if done else "FAILED")
    study.optuna.set_user_attr("finished_at", sum(summary["trials"].values()))
    return summary


def finished(study: Study) -> bool:
    """Whether `finish` has run for all trials that the study has."""
    return study.optuna.user_attrs.get("finished_at") == len(storage.trials(study.optuna))


def diagnose(study: Study, done: Sequence[FrozenTrial]) -> list[diagnosis.Finding]:
    """Apply the rules to the completed trials."""
    best = best_trial(study)
    if best is None:
        return []
    runs = {t.number: _run(t) for t in done}
    tried = storage.trials(study.optuna, [TrialState.COMPLETE, TrialState.PRUNED])
    baseline = [t.value for t in done if t.user_attrs.get("plan") == "baseline" and t.value is not None]
    replicates = study.optuna.user_attrs.get("replicates", {}).get("values", [])
    evidence = diagnosis.Evidence(
        runs=list(runs.values()),
        best=runs[best.number],
        trials=len(tried),
        maximise=study.optuna.direction.name == "MAXIMIZE",
        baseline_values=[*baseline, *replicates],
    )
    return diagnosis.diagnose(evidence)


def _run(trial: FrozenTrial) -> diagnosis.Run:
    return diagnosis.Run(
        value=math.nan if trial.value is None else trial.value,
        train_loss=curve(trial, "train/cross_entropy"),
        validation_loss=curve(trial, "val/cross_entropy"),
        validation_f1=curve(trial, "val/weighted_f1"),
        test_f1=trial.user_attrs["result"]["test"].get("test/weighted_f1", math.nan),
    )


def _add_speed(study: Study, tracker: Tracker, done: Sequence[FrozenTrial]) -> None:
    """Speed needs the baseline's best, which a worker that ends its trial first does not know yet."""
    values = [t.value for t in done if t.user_attrs.get("plan") == "baseline" and t.value is not None]
    values += study.optuna.user_attrs.get("replicates", {}).get("values", [])
    if not values:
        return
    known = study.optuna.user_attrs.get("speeds", {})
    found = speeds(study, done, sum(values) / len(values))
    for trial in done:
        if str(trial.number) not in known and trial.number in found:
            tracker.update(trial.user_attrs["run_id"], metrics=found[trial.number])
    study.optuna.set_user_attr("speeds", {str(n): measures for n, measures in found.items()})


def _files(study: Study, summary: dict[str, Any], folder: Path) -> list[Path]:
    """The artifacts of the parent run."""
    files = {"study.yaml": yaml.dump(spec_dict(study.spec))}
    if summary["best"]:
        files["best.yaml"] = export.export(study, "yaml")
    for name, text in files.items():
        (folder / name).write_text(text)
    return [*(folder / name for name in files), *plots.write(study, folder)]


def _metrics(summary: dict[str, Any]) -> dict[str, float]:
    """A few numbers of the study for the run table."""
    found: dict[str, float] = {
        "epochs_run": float(summary["epochs_run"]),
        "epochs_full": float(summary["epochs_full"]),
    }
    for who in ("best", "baseline"):
        if summary[who] and summary[who]["value"] is not None:
            found[f"{who}/{summary['metric'].removeprefix('val/')}"] = summary[who]["value"]
            found |= {f"{who}_{n}": v for n, v in summary[who]["test"].items() if n == note.test_metric(summary)}
    if summary["reference"]:
        found |= {f"logistic_regression/{n}": v for n, v in summary["reference"].items()}
    return finite(found)


def speeds(study: Study, trials: Sequence[FrozenTrial], baseline: float) -> dict[int, dict[str, float]]:
    """Convergence speed of each completed trial against the baseline's best, by trial number."""
    objective, budget = study.spec.goal, study.spec.training.epochs
    return {
        t.number: speed([v if v is not None else math.nan for v in curve], baseline, objective, budget)
        for t in trials
        if (curve := t.user_attrs.get("result", {}).get("curves", {}).get(objective.metric))
    }

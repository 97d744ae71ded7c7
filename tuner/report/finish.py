"""What happens once when the queue is empty: compare, diagnose, draw, write down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from trainer.convergence import speed
from tuner.report import diagnosis, export, note
from tuner.report import study as report
from tuner.spec import yaml
from tuner.spec.edit import spec_dict
from tuner.storage import opening
from tuner.storage.record import WEIGHTED_F1, Finding, TrialRecord, titles, write_study
from tuner.study import reference
from tuner.study.answer import trial_of
from tuner.study.study import Study
from tuner.study.summary import best_trial, summarise
from tuner.tracking import charts, dashboard, links
from tuner.tracking.client import NOTE, Tracker, finite

INLINE = ("history", "response", "convergence")
"""Plots that the note shows."""


def finish(study: Study) -> dict[str, Any]:
    """Write the comparison, the diagnosis, the plots, the note and the best config; returns the summary.

    Doing it again, after more trials, replaces what was there.
    """
    tracker = study.tracker()
    reference.ensure(study)
    done = opening.trials(study.optuna, [TrialState.COMPLETE])
    _add_speed(study, tracker, done)
    findings = diagnose(study, done)
    write_study(study.optuna, diagnosis=findings)
    summary = summarise(study)
    run_id = study.runs.run_id
    publish(study, tracker, summary)
    tags = {"state": summary["state"].upper(), "diagnosis": ", ".join(f.id for f in findings) or "none"}
    tags |= answer_tags(summary)
    tracker.update(run_id, tags=tags, metrics=_metrics(summary))
    tracker.end_study(run_id, "FINISHED" if done else "FAILED")
    write_study(study.optuna, finished_at=sum(summary["trials"].values()))
    return summary


def publish(study: Study, tracker: Tracker, summary: dict[str, Any]) -> None:
    """Write the report, the plots, the best config and the note, to the state folder and to MLflow."""
    page = report.write(study, summary)
    files = {"study.yaml": yaml.dump(spec_dict(study.spec))}
    if summary["best"]:
        files["best.yaml"] = export.export(study, "yaml", trial=trial_of(study, best_seen=True))
        files["answer.yaml"] = export.export(study, "yaml")
    for name, text in files.items():
        (page.parent / name).write_text(text, encoding="utf-8")
    run_id, experiment = study.runs.run_id, study.runs.experiment_id
    for path in (page, *(page.parent / name for name in files), page.parent / "plots"):
        tracker.artifact(run_id, path, path.name if path.is_dir() else None)
    done = opening.trials(study.optuna, [TrialState.COMPLETE])
    names = titles(done)
    drawn = [f"plots/{name}.png" for name in INLINE if (page.parent / f"plots/{name}.png").exists()]
    images = [links.image(run_id, path) for path in drawn]
    data = study.record.data
    text = note.markdown(summary, study.spec, data, names, links.pages("", study.runs, summary), images)
    dashboard.write_note(study.optuna, note.markdown(summary, study.spec, data, names))  # no pages of MLflow there
    tracker.update(run_id, tags={NOTE: text})
    tracker.experiment_tags(experiment, {NOTE: text, **charts.tags(study.spec)})


def answer_tags(summary: dict[str, Any]) -> dict[str, str]:
    """The answer as tags of the parent run."""
    answer = summary["answer"]
    return {"answer": answer["from"], "answer.verdict": answer["verdict"]} if answer else {}


def finished(study: Study) -> bool:
    """Whether `finish` has run for all trials that the study has."""
    return study.record.finished_at == len(opening.trials(study.optuna))


def diagnose(study: Study, done: Sequence[FrozenTrial]) -> list[Finding]:
    """Apply the rules to the completed trials."""
    best = best_trial(study)
    if best is None:
        return []
    runs = {t.number: _run(t) for t in done}
    tried = opening.trials(study.optuna, [TrialState.COMPLETE, TrialState.PRUNED])
    baseline = [t.value for t in done if TrialRecord.of(t).is_baseline and t.value is not None]
    record = study.record
    evidence = diagnosis.Evidence(
        runs=list(runs.values()),
        best=runs[best.number],
        trials=len(tried),
        maximise=study.optuna.direction.name == "MAXIMIZE",
        baseline_values=[*baseline, *record.baseline_values],
        reference=(record.reference or {}).get(study.spec.objective, math.nan),
        remarks=record.data.remarks if record.data else (),
    )
    return diagnosis.diagnose(evidence)


def _run(trial: FrozenTrial) -> diagnosis.Run:
    result = TrialRecord.of(trial).result
    return diagnosis.Run(
        value=math.nan if trial.value is None else trial.value,
        train_loss=result.curve("train/cross_entropy"),
        validation_loss=result.curve("val/cross_entropy"),
        validation_f1=result.curve("val/weighted_f1"),
        test_f1=result.test.get(WEIGHTED_F1, math.nan),
    )


def _add_speed(study: Study, tracker: Tracker, done: Sequence[FrozenTrial]) -> None:
    """Speed needs the baseline's best, which a worker that ends its trial first does not know yet."""
    values = [t.value for t in done if TrialRecord.of(t).is_baseline and t.value is not None]
    record = study.record
    values += record.baseline_values
    if not values:
        return
    found = speeds(study, done, sum(values) / len(values))
    for trial in done:
        if trial.number not in record.speeds and trial.number in found:
            tracker.update(str(TrialRecord.of(trial).run_id), metrics=found[trial.number])
    write_study(study.optuna, speeds=found)


def _metrics(summary: dict[str, Any]) -> dict[str, float]:
    """A few numbers of the study: its best value for the run table, the others in a section of their own."""
    found: dict[str, float] = {
        "study/epochs_run": float(summary["epochs_run"]),
        "study/epochs_full": float(summary["epochs_full"]),
    }
    measure = summary["metric"].removeprefix("val/")
    for who in ("best", "baseline"):
        if summary[who] and summary[who]["value"] is not None:
            found[f"study/{who} {measure}"] = summary[who]["value"]
            found |= {
                f"study/{who} test {n[5:]}": v
                for n, v in summary[who]["test"].items()
                if n == note.test_metric(summary)
            }
    if summary["best"]:
        found[charts.objective_metric(summary["metric"])] = summary["best"]["value"]
    if summary["reference"]:
        found |= {f"study/logistic regression {n.replace('/', ' ')}": v for n, v in summary["reference"].items()}
    return finite(found)


def speeds(study: Study, trials: Sequence[FrozenTrial], baseline: float) -> dict[int, dict[str, float]]:
    """Convergence speed of each completed trial against the baseline's best, by trial number."""
    objective, budget = study.spec.goal, study.spec.training.epochs
    return {
        t.number: speed(curve, baseline, objective, budget)
        for t in trials
        if (curve := TrialRecord.of(t).result.curve(objective.metric))
    }

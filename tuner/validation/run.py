"""`tuner validate` from arms to verdict: fix the plan, run paired blocks, compare, report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from tuner.adopt.before import look as look_for_inert
from tuner.launch import _tryout as tryout
from tuner.report.finish import finished, publish
from tuner.spec import file as study_file
from tuner.storage.record import Runs, Verdict, write_study
from tuner.storage.store import Store
from tuner.study import own_code
from tuner.study.population import ask
from tuner.study.study import Study, exists, load_data, open_study
from tuner.study.summary import summarise
from tuner.system import device as devices
from tuner.system import provenance
from tuner.system.place import Place
from tuner.tracking import links
from tuner.tracking.client import NOTE, Tracker
from tuner.validation import queue
from tuner.validation.arms import make_plan
from tuner.validation.blocks import Validation, create_or_resume, records
from tuner.validation.options import ValidateOptions
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL
from tuner.validation.report import CLAIM_COLUMNS, claim_rows, report, sentence
from tuner.validation.running import Look, count, leave_to_others, run, run_until_decided
from tuner.validation.verdict import judge

WIDE = 200
"""Columns of a table that goes into a file: it has no edge, and what is cut off there nobody sees."""


def validate(
    place: Place, options: ValidateOptions, *, say: Callable[[str], None] = print, look: Look | None = None
) -> dict[str, Any]:
    """Compare arms over fresh seeds; returns what `validate --json` prints, and under `report` the report's path.

    The same call again resumes, or shows the result again. Where it is only queued for workers that wait for work,
    only how far it is comes back until they are done, with `state` waiting. say gets lines of progress, look the
    blocks.

    Raises InputError for wrong input, RunError where workers failed.
    """
    options.check()
    device = "cpu" if options.detach else devices.resolve(options.device)
    place.prepare()
    store = Store.of(place)
    study = options.study
    plan = make_plan(store, options)
    # What is wrong with the data, or with code of one's own, is said before anything is made.
    fingerprint = "" if plan.spec.command else load_data(plan.spec).fingerprint
    if said := own_code.notice(plan.spec):
        say(said)
        tryout.check(plan.spec)
    label = study_file.find(study).stem if study and not exists(store, study) else (study or "quickstart")
    validation = create_or_resume(
        store, label, plan, fingerprint, lambda name: register(place, name, plan, fingerprint)
    )
    if not queue.by_block(validation.optuna):
        for line in inert_knobs(plan, place, device) if options.try_knobs and not options.detach else ():
            say(line)
        for line in knobs_of(plan):
            say(line)
    ask(validation.optuna, options.population, plan.trainings)
    workers = options.workers or devices.default_workers(device)
    if options.detach:
        done, queued = leave_to_others(validation)
        if done < queued:
            return {"name": validation.name, "state": "waiting", "seeds": plan.seeds, "queued": queued, "done": done}
    elif plan.until_decided:
        run_until_decided(validation, workers, device, say, look or count(say))
    else:
        run(validation, plan.seeds, workers, device, say, look or count(say))
    runs = records(validation)
    result = judge(validation.plan, runs)
    page = _report(validation, runs, result, options.lang, options.command)
    if study and exists(store, study):
        _tell_study(open_study(store, study), validation, result)
    return result | {"name": validation.name, "report": str(page)}


def inert_knobs(plan: Plan, place: Place, device: str) -> list[str]:
    """A line for each knob of a script in which arms differ and that does nothing: they are then the same arm."""
    arms = [config.knobs() for config in plan.arms.values()]
    names = [n for n in plan.spec.knobs if len({repr(knobs.get(n)) for knobs in arms}) > 1]
    if plan.spec.command is None or not names:
        return []
    found = look_for_inert(plan.spec, place.state, device, names)
    said = [
        f"{name} does nothing, so that arms which differ in it alone are equal: {why}"
        for name, why in found.inert.items()
    ]
    said += [f"{name} may do nothing: {why}" for name, why in found.undecided.items()]
    return [*said, *([found.skipped] if found.skipped else [])]


def knobs_of(plan: Plan) -> list[str]:
    """A line for each arm: the first with all its knobs, the others with what differs from it."""
    base, *others = ((name, config.knobs()) for name, config in plan.arms.items())
    shown = [base, *((name, {k: v for k, v in knobs.items() if base[1].get(k) != v}) for name, knobs in others)]
    lines = []
    for name, knobs in shown:
        words = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in knobs.items())
        lines.append(f"{name}: {words}" if name == base[0] else f"{name}: as {base[0]}, but {words}")
    return lines


def register(place: Place, name: str, plan: Plan, fingerprint: str) -> Runs:
    """Write what is fixed to MLflow before the first run."""
    tracker = Tracker(place.tracking, place.state)
    tags = {"kind": "validation", **provenance.tags("", plan.spec.seed, fingerprint)}
    params = {"primary": plan.primary, "margin": plan.margin, "seeds": plan.seeds, "arms": ", ".join(plan.arms)}
    runs = tracker.study(name, tags, params | {"epochs": plan.spec.training.epochs, "claims": len(plan.claims)})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "set_beforehand.json"
        file.write_text(json.dumps(plan.as_data(), indent=2))
        tracker.artifact(runs.run_id, file)
    return runs


def _report(
    validation: Validation, runs: dict[str, list[dict[str, Any]]], result: dict[str, Any], lang: str, command: str
) -> Path:
    """Write the report, in Markdown and as a page, to the state folder and to MLflow; returns the page."""
    folder = validation.place.state / "reports" / validation.name
    folder.mkdir(parents=True, exist_ok=True)
    document = report(result, validation.plan, records=runs, lang=lang, command=command)
    text = document.markdown()
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(document.html(), encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result, indent=2))
    tracker = Tracker(validation.place.tracking, validation.place.state)
    run_id = validation.runs.run_id
    tracker.artifact(run_id, folder)
    verdicts = {f"verdict.{c['candidate']}": c["verdict"] for c in result["comparisons"]}
    tracker.update(run_id, tags={NOTE: text, **verdicts})
    tracker.end_study(run_id, "FINISHED")
    return folder / "report.html"


def _tell_study(study: Study, validation: Validation, result: dict[str, Any]) -> None:
    """Add the verdict to the note and the report of the search whose configurations were compared."""
    ids = validation.runs
    known = [one for one in study.record.verdicts if one.name != validation.name]
    sentences = [sentence(result, c["candidate"]) + "." for c in result["comparisons"] if c["candidate"] != NULL]
    page = links.artifact("", ids.experiment_id, ids.run_id, "report.html")
    write_study(study.optuna, verdicts=[*known, Verdict(validation.name, page, sentences)])
    if finished(study):
        publish(study, study.tracker(), summarise(study))


def show(result: dict[str, Any], console: Console) -> None:
    """The verdict on a terminal."""
    from rich.table import Column, Table

    console.print()
    for c in result["comparisons"]:
        style = {"better": "green", "worse": "red"}.get(c["word"], "")
        console.print(sentence(result, c["candidate"]), style=style or None, soft_wrap=not console.is_terminal)
    if result["claims"]:
        columns = [Column(n, overflow="fold", no_wrap=n not in ("claim", "95% CI")) for n in CLAIM_COLUMNS]
        table = Table(*columns, box=None, pad_edge=False)
        for row in claim_rows(result):
            table.add_row(*row)
        console.print()
        if not console.is_terminal:
            console.width = max(console.width, WIDE)
        console.print(table)
    if result["left_out"]:
        console.print(
            f"\nnot compared, since these runs do not measure it: {', '.join(result['left_out'])}",
            soft_wrap=not console.is_terminal,
        )
    console.print(f"\nreport: {result['report']}", soft_wrap=not console.is_terminal)

"""`tuner validate` from arms to verdict: fix the plan, run paired blocks, compare, report."""

from __future__ import annotations

import json
import shlex
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.trial import TrialState
from rich.console import Console

from trainer.knobs import Config
from tuner import device as devices
from tuner import provenance, storage, study_file
from tuner.errors import InputError, RunError, unknown
from tuner.launch import local
from tuner.spec import Spec
from tuner.study import Place, exists, load_data, open_study, with_overrides
from tuner.summary import best_trial, config_of
from tuner.tracking import NOTE, Tracker
from tuner.validate import recommendation
from tuner.validate.blocks import Plan, Validation, create_or_resume, enqueue, records
from tuner.validate.report import LANGUAGES, report
from tuner.validate.statistics import seeds_for_claims
from tuner.validate.verdict import decided, judge

DEFAULT_SEEDS = 10
MOST_SEEDS = 60
"""The budget of `--until-decided` where --seeds does not set it."""
FIRST_LOOK, BETWEEN_LOOKS = 8, 4
"""Blocks before the first look of `--until-decided`, and between two looks."""


def validate(
    place: Place,
    study: str | None = None,
    *,
    baseline: str | None = None,
    candidate: str | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    workers: int | None = None,
    data: str | None = None,
    claims: str | None = None,
    until_decided: bool = False,
    dose_response: bool = True,
    device: str | None = None,
    lang: str = "en",
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Compare arms over fresh seeds; returns what `validate --json` prints, and under `report` the report's path.

    study: a search in the storage (its best config becomes an arm), or a study file (its data and model are used).
    baseline and candidate: a plan's or arm's name, `trial:N` of the study, or a config file; both or neither. The same
    call again resumes, or shows the result again.
    lang: of the report, en or zh.

    Raises InputError for wrong input, RunError where workers failed.
    """
    if lang not in LANGUAGES:
        raise InputError(unknown("language", lang, LANGUAGES))
    device = devices.resolve(device)
    place.prepare()
    told = recommendation.load(Path(claims) if claims else None)
    plan = make_plan(place, told, study, baseline, candidate, seeds, epochs, data, until_decided, dose_response)
    fingerprint = load_data(plan.spec).fingerprint  # what is wrong with the data is said before anything is made
    label = study_file.find(study).stem if study and not exists(place, study) else (study or "quickstart")
    validation = create_or_resume(
        place, label, plan, fingerprint, lambda name: _register(place, name, plan, fingerprint)
    )
    if plan.until_decided:
        _run_until_decided(validation, workers or devices.default_workers(device), device, say)
    else:
        _run(validation, plan.seeds, workers or devices.default_workers(device), device, say)
    runs = records(validation)
    result = judge(validation.plan, runs)
    given = {"baseline": baseline, "candidate": candidate, "seeds": seeds, "epochs": epochs, "data": data}
    flags = {"until-decided": until_decided, "no-dose-response": not dose_response}
    command = _command(study, given | {"claims": claims}, flags)
    return result | {"name": validation.name, "report": str(_report(validation, runs, result, lang, command))}


def make_plan(
    place: Place,
    told: recommendation.Recommendation,
    study: str | None,
    baseline: str | None,
    candidate: str | None,
    seeds: int | None,
    epochs: int | None,
    data: str | None,
    until_decided: bool,
    dose_response: bool,
) -> Plan:
    """Fix everything: arms, claims, margin, seeds. Raises InputError where something does not fit."""
    if (baseline is None) != (candidate is None):
        raise InputError("--baseline and --candidate go together; found only one of them")
    spec, best = _spec(place, study)
    spec = with_overrides(spec, epochs=epochs, data=data)
    named = told.configs()
    designs: dict[str, Any] = {}
    if baseline is not None and candidate is not None:
        first, second = (_config(place, study, name, named) for name in (baseline, candidate))
        if first == second:
            raise InputError(f"--baseline {baseline} and --candidate {candidate} are the same configuration")
        arms = dict(zip(_labels(baseline, candidate), (first, second), strict=True))
        claims = [
            c for c in told.claims if c.candidate == candidate and c.baseline == "baseline" == _canonical(baseline)
        ]
    else:
        arms = dict(named)
        if best is not None and best not in named.values():
            arms["best"] = best
        claims = list(told.claims)
        designs["ladder"] = told.ladder
        designs["factorial"] = told.factorial.model_dump() if told.factorial else None
        if dose_response:
            doses = told.doses()
            arms |= {name: config for name, (_, config) in doses.items() if name not in arms}
            designs["doses"] = {name: dose for name, (dose, _) in doses.items()}
    plan = Plan(
        spec,
        arms,
        told.primary,
        told.margin,
        [c.model_dump(mode="json") for c in claims],
        seeds or (MOST_SEEDS if until_decided else DEFAULT_SEEDS),
        until_decided,
        **designs,
    )
    if not plan.candidates and not plan.doses:
        raise InputError("nothing to compare: the recommendation has no plan, no arm and no dose-response")
    needed = max(seeds_for_claims(max(1, len(plan.candidates))), FIRST_LOOK if until_decided else 0)
    if plan.seeds < needed:
        raise InputError(
            f"--seeds {plan.seeds} is too few: {len(plan.candidates)} comparisons need at least {needed} paired seeds "
            "for any of them to be significant (exact sign-flip test, Holm)"
        )
    return plan


def _spec(place: Place, study: str | None) -> tuple[Spec, Config | None]:
    """The spec to train with, and the best config where the study is a search that has one."""
    if study is None or not exists(place, study):
        return study_file.load(study or "quickstart"), None
    opened = open_study(place, study)
    best = best_trial(opened)
    if best is None:
        raise InputError(f"study {study!r} has no completed trial to validate; see: tuner status {study}")
    return opened.spec, config_of(opened.spec, best)


def _canonical(name: str) -> str:
    return "baseline" if name == "original" else name


def _label(name: str) -> str:
    return Path(name).stem if name.endswith((".yaml", ".yml", ".json")) else name


def _labels(baseline: str, candidate: str) -> tuple[str, str]:
    """Names of two arms, as short as they can be without being the same or the null arm's."""
    short = _label(_canonical(baseline)), _label(_canonical(candidate))
    return short if short[0] != short[1] and recommendation.NULL not in short else (baseline, candidate)


def _config(place: Place, study: str | None, name: str, named: dict[str, Config]) -> Config:
    """An arm by name, trial:N or file."""
    if _canonical(name) in named:
        return named[_canonical(name)]
    if name.startswith("trial:"):
        if study is None:
            raise InputError(f"{name} needs the study that it is of: tuner validate STUDY ... {name}")
        number = name.removeprefix("trial:")
        opened = open_study(place, study)
        found = {str(t.number): t for t in storage.trials(opened.optuna) if "config" in t.user_attrs}
        if number not in found:
            raise InputError(f"study {study!r} has no trial {number!r} that was started; there are {len(found)}")
        return config_of(opened.spec, found[number])
    if name.endswith((".yaml", ".yml", ".json")) or "/" in name:
        return recommendation.config_file(Path(name))
    raise InputError(f"{unknown('plan', name, [*named, 'original'])} (or trial:N, or a config file)")


def _register(place: Place, name: str, plan: Plan, fingerprint: str) -> dict[str, str]:
    """Write what is fixed to MLflow before the first run."""
    tracker = Tracker(place.tracking, place.state)
    tags = {"kind": "validation", **provenance.tags("", plan.spec.seed, fingerprint)}
    params = {"primary": plan.primary, "margin": plan.margin, "seeds": plan.seeds, "arms": ", ".join(plan.arms)}
    runs = tracker.study(name, tags, params | {"epochs": plan.spec.training.epochs, "claims": len(plan.claims)})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fixed_beforehand.json"
        file.write_text(json.dumps(plan.as_data(), indent=2))
        tracker.artifact(runs["run_id"], file)
    return runs


def _run_until_decided(validation: Validation, workers: int, device: str, say: Callable[[str], None]) -> None:
    """Blocks in small lots until every verdict is clear or the budget is spent."""
    seeds = FIRST_LOOK
    while True:
        _run(validation, seeds, workers, device, say)
        if decided(validation.plan, records(validation)):
            say(f"every verdict is clear after {seeds} seeds")
            return
        if seeds >= validation.plan.seeds:
            say(f"not every verdict is clear after {seeds} seeds, which was the budget")
            return
        seeds = min(seeds + BETWEEN_LOOKS, validation.plan.seeds)


def _run(validation: Validation, seeds: int, workers: int, device: str, say: Callable[[str], None]) -> None:
    """Run blocks until there are `seeds` of them: start workers and watch them."""
    enqueue(validation, seeds)
    storage.reclaim(validation.optuna)
    waiting = [t for t in storage.trials(validation.optuna) if not t.state.is_finished()]
    if not waiting:
        _refuse_broken(validation)
        return
    arms = len(validation.plan.arms) + 1
    say(f"{validation.name}: {arms} arms x {seeds} paired seeds, {validation.plan.spec.training.epochs} epochs each")
    processes = local.start(validation.name, validation.place, min(workers, len(waiting)), device)
    local.go(processes)
    told = seeds - len(waiting)

    try:
        with local.supervised(processes, lambda: say("stopping: blocks under way go back into the queue")):
            while local.running(processes):
                time.sleep(0.5)
                done = len(storage.trials(validation.optuna, [TrialState.COMPLETE]))
                if done > told:
                    told = done
                    say(f"{done} of {seeds} seeds done")
    finally:
        storage.reclaim(validation.optuna)
    if any(not t.state.is_finished() for t in storage.trials(validation.optuna)):
        failed = next((p for p in processes if p.exit_code), processes[0])
        raise RunError(f"{failed.last_words()} (worker log: {failed.log})")
    _refuse_broken(validation)


def _refuse_broken(validation: Validation) -> None:
    """A block that crashed is an error each time, never a block less."""
    broken = storage.trials(validation.optuna, [TrialState.FAIL])
    if broken:
        raise RunError(f"block {broken[0].number} failed: {broken[0].user_attrs.get('reason', '').strip()[-500:]}")


def _command(study: str | None, options: dict[str, Any], flags: dict[str, bool]) -> str:
    """What makes the same validation again."""
    words = ["tuner", "validate", *([study] if study else [])]
    for name, value in options.items():
        words += [] if value is None else [f"--{name}", str(value)]
    return shlex.join([*words, *(f"--{name}" for name, on in flags.items() if on)])


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
    run_id = validation.optuna.user_attrs["mlflow"]["run_id"]
    tracker.artifact(run_id, folder)
    verdicts = {f"verdict.{c['candidate']}": c["verdict"] for c in result["comparisons"]}
    tracker.update(run_id, tags={NOTE: text, **verdicts})
    tracker.end_study(run_id, "FINISHED")
    return folder / "report.html"


def show(result: dict[str, Any], console: Console) -> None:
    """The verdict on a terminal."""
    from rich.table import Table

    from tuner.validate.report import sentence

    console.print()
    for c in result["comparisons"]:
        style = {"better": "green", "worse": "red"}.get(c["verdict"], "")
        console.print(f"[{style or 'default'}]{sentence(result, c['candidate'])}[/]", soft_wrap=not console.is_terminal)
    if result["claims"]:
        table = Table("claim", "claimed %", "naive %", "measured %", "95% CI", "verdict", box=None, pad_edge=False)
        for claim in result["claims"]:
            ci = "" if claim["ci"] is None else f"{claim['ci'][0]:+.1f} .. {claim['ci'][1]:+.1f}"
            cells = ["" if claim[k] is None else f"{claim[k]:+.1f}" for k in ("naive", "measured")]
            low, high = claim["claimed"]
            table.add_row(claim["id"], f"{low:g} .. {high:g}", *cells, ci, claim["verdict"])
        console.print()
        console.print(table)
    console.print(f"\nreport: {result['report']}", soft_wrap=not console.is_terminal)

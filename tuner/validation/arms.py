"""From what the command line says to a plan: which configurations are compared, on what, with how many seeds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from trainer.config import BUILT_IN
from trainer.knobs import Config
from tuner.errors import InputError, unknown
from tuner.spec import file as study_file
from tuner.spec.config_file import config_file
from tuner.spec.edit import with_overrides
from tuner.spec.model import Spec
from tuner.spec.rules import takes_a_seed
from tuner.storage import opening
from tuner.storage.record import config_of
from tuner.study import own_code
from tuner.study.study import exists, open_study
from tuner.study.summary import best_trial
from tuner.system.place import Place
from tuner.validation import recommendation
from tuner.validation.plan import Plan
from tuner.validation.statistics import seeds_for_claims

DEFAULT_SEEDS = 10
MOST_SEEDS = 60
"""The budget of `--until-decided` where --seeds does not set it."""
FIRST_LOOK = 8
"""Blocks before the first look of `--until-decided`."""


def make_plan(
    place: Place,
    claims: Path | None,
    study: str | None,
    baseline: str | None,
    candidate: str | None,
    seeds: int | None,
    epochs: int | None,
    data: str | None,
    until_decided: bool,
    dose_response: bool,
    margin: float | None = None,
) -> Plan:
    """Fix everything: arms, claims, margin, seeds. Raises InputError where something does not fit."""
    if (baseline is None) != (candidate is None):
        raise InputError("--baseline and --candidate go together; found only one of them")
    if margin is not None and not 0 < margin < math.inf:
        raise InputError(f"--margin must be above 0; found {margin:g}")
    spec, best = _spec(place, study)
    spec = with_overrides(spec, epochs=epochs, data=data)
    told = _told(claims, spec, best)
    named = told.configs()
    designs: dict[str, Any] = {}
    if baseline is not None and candidate is not None:
        if best is not None:
            named |= {"best": config_of(spec, best)}
        first, second = (_config(place, study, name, named, spec) for name in (baseline, candidate))
        if first == second:
            same = f"--baseline {baseline} and --candidate {candidate} are the same configuration"
            if best is not None and "best" in (baseline, candidate):
                same += f": the best of {study} is trial #{best.number}, so no run could tell them apart"
            raise InputError(same)
        arms = dict(zip(_labels(baseline, candidate), (first, second), strict=True))
        stated = [
            c for c in told.claims if c.candidate == candidate and c.baseline == "baseline" == _canonical(baseline)
        ]
    else:
        arms = dict(named)
        if best is not None and (config := config_of(spec, best)) not in named.values():
            arms["best"] = config
        if len(arms) < 2:
            raise InputError("nothing to compare: name --baseline and --candidate, or give the study file plans")
        stated = list(told.claims)
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
        told.margin if margin is None else margin,
        [c.model_dump(mode="json") for c in stated],
        seeds or (MOST_SEEDS if until_decided else DEFAULT_SEEDS),
        until_decided,
        **designs,
        code=own_code.fingerprints(spec),
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


def _told(claims: Path | None, spec: Spec, best: FrozenTrial | None) -> recommendation.Recommendation:
    """What is compared on what: a recommendation, or for one's own model or script what the study says."""
    if spec.vocabulary is BUILT_IN:
        return recommendation.load(claims)
    if not takes_a_seed(spec):
        raise InputError("command: no {seed} in it, so that the runs of an arm cannot differ by their seed alone")
    reported = {}
    if spec.command is not None:
        tests = [*spec.script.metrics, *(best.user_attrs["result"]["test"] if best else ())]
        test = next((name for name in tests if name.startswith("test")), spec.objective)
        reported = dict.fromkeys((test, spec.objective), spec.goal.direction)
    if claims is not None:
        return recommendation.load(claims, spec.vocabulary, reported)
    return recommendation.of_study(spec, reported)


def _spec(place: Place, study: str | None) -> tuple[Spec, FrozenTrial | None]:
    """The spec to train with, and the best trial where the study is a search that has one."""
    if study is None or not exists(place, study):
        return study_file.load(study or "quickstart"), None
    opened = open_study(place, study)
    best = best_trial(opened)
    if best is None:
        raise InputError(f"study {study!r} has no completed trial to validate; see: tuner status {study}")
    return opened.spec, best


def _canonical(name: str) -> str:
    return "baseline" if name == "original" else name


def _label(name: str) -> str:
    return Path(name).stem if name.endswith((".yaml", ".yml", ".json")) else name


def _labels(baseline: str, candidate: str) -> tuple[str, str]:
    """Names of two arms, as short as they can be without being the same or the null arm's."""
    short = _label(_canonical(baseline)), _label(_canonical(candidate))
    return short if short[0] != short[1] and recommendation.NULL not in short else (baseline, candidate)


def _config(place: Place, study: str | None, name: str, named: dict[str, Config], spec: Spec) -> Config:
    """An arm by name, trial:N or file; `best` is the best trial of a search."""
    if _canonical(name) in named:
        return named[_canonical(name)]
    if name == "best":
        raise InputError("best needs the search that it is of: tuner validate STUDY ... best")
    if name.startswith("trial:"):
        if study is None:
            raise InputError(f"{name} needs the study that it is of: tuner validate STUDY ... {name}")
        number = name.removeprefix("trial:")
        opened = open_study(place, study)
        found = {str(t.number): t for t in opening.trials(opened.optuna) if "config" in t.user_attrs}
        if number not in found:
            raise InputError(f"study {study!r} has no trial {number!r} that was started; there are {len(found)}")
        return config_of(opened.spec, found[number])
    if name.endswith((".yaml", ".yml", ".json")) or "/" in name:
        return config_file(Path(name), spec.vocabulary)
    raise InputError(f"{unknown('plan', name, [*named, 'original'])} (or best or trial:N of a study, or a config file)")

"""From what the command line says to a plan: which configurations are compared, on what, with how many seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.knobs import Config
from tuner import storage, study_file
from tuner.errors import InputError, unknown
from tuner.spec import Spec
from tuner.study import Place, exists, open_study, with_overrides
from tuner.summary import best_trial, config_of
from tuner.validate import recommendation
from tuner.validate.plan import Plan
from tuner.validate.statistics import seeds_for_claims

DEFAULT_SEEDS = 10
MOST_SEEDS = 60
"""The budget of `--until-decided` where --seeds does not set it."""
FIRST_LOOK = 8
"""Blocks before the first look of `--until-decided`."""


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

"""From what the command line says to a plan: which configurations are compared, on what, with how many seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from trainer.config import BUILT_IN
from trainer.knobs import Config
from tuner.errors import InputError
from tuner.spec import file as study_file
from tuner.spec.edit import with_overrides
from tuner.spec.model import Spec
from tuner.spec.rules import takes_a_seed
from tuner.storage.record import TrialRecord, config_of
from tuner.storage.store import Store
from tuner.study import own_code
from tuner.study.study import exists, open_study
from tuner.study.summary import best_trial
from tuner.system.place import Place
from tuner.validation import naming, recommendation
from tuner.validation.designs import family
from tuner.validation.options import ValidateOptions
from tuner.validation.plan import Plan
from tuner.validation.statistics import seeds_for_claims

DEFAULT_SEEDS = 10
MOST_SEEDS = 60
"""The budget of `--until-decided` where --seeds does not set it."""
FIRST_LOOK = 8
"""Blocks before the first look of `--until-decided`."""


def make_plan(where: Place | Store, options: ValidateOptions) -> Plan:
    """Fix everything: arms, claims, margin, seeds. Raises InputError where something does not fit."""
    options.check_arms()
    store = Store.of(where)
    study, baseline, candidate = options.study, options.baseline, options.candidate
    spec, best = _spec(store, study)
    spec = with_overrides(spec, epochs=options.epochs, data=options.data)
    told = recommended(Path(options.claims) if options.claims else None, spec, best)
    of_study = study is not None
    if baseline is not None and candidate is not None:
        arms, stated = _pair(store, study, (baseline, candidate), told, spec, best)
        designs: dict[str, Any] = {}
    else:
        if baseline is not None:
            told, of_study = told.on_original(), False
        arms, stated, designs = _everything(told, spec, of_study, best, options.dose_response)
    plan = Plan(
        spec,
        arms,
        told.primary,
        told.margin if options.margin is None else options.margin,
        stated,
        options.seeds or (MOST_SEEDS if options.until_decided else _enough(stated)),
        options.until_decided,
        **designs,
        code=own_code.fingerprints(spec),
    )
    if not plan.candidates and not plan.doses:
        raise InputError("nothing to compare: the recommendation has no plan, no arm and no dose-response")
    judged = max(1, len(family(plan)))
    needed = max(seeds_for_claims(judged), FIRST_LOOK if options.until_decided else 0)
    if plan.seeds < needed:
        raise InputError(
            f"--seeds {plan.seeds} is too few: {judged} comparisons need at least {needed} paired seeds "
            "for any of them to be significant (exact sign-flip test, Holm)"
        )
    return plan


Claims = list[dict[str, Any]]


def _enough(stated: Claims) -> int:
    """Seeds by default: ten, or as many as it takes for an exact test to support any of the claims."""
    different = {(c["baseline"], c["candidate"], c["metric"]) for c in stated}
    return max(DEFAULT_SEEDS, seeds_for_claims(max(1, len(different))))


def _pair(
    store: Store,
    study: str | None,
    pair: tuple[str, str],
    told: recommendation.Recommendation,
    spec: Spec,
    best: FrozenTrial | None,
) -> tuple[dict[str, Config], Claims]:
    """Two arms by name, and what the recommendation claims of just these two configurations."""
    named = naming.names(spec, told, study is not None)
    if best is not None:
        named |= {"best": config_of(spec, best)}
    first, second = (naming.resolve(store, study, name, named, spec) for name in pair)
    if first == second:
        same = f"--baseline {pair[0]} and --candidate {pair[1]} are the same configuration"
        if best is not None and "best" in pair:
            same += f": the best of {study} is trial #{best.number}, so no run could tell them apart"
        raise InputError(same)
    labels = naming.labels(*pair, named)
    stated = []
    for document in (told.configs(), told.on_original().configs()):
        for claim in told.claims:
            if (document[claim.baseline], document[claim.candidate]) == (first, second):
                stated.append(claim.model_dump(mode="json") | dict(zip(("baseline", "candidate"), labels, strict=True)))
        if stated:
            break
    return dict(zip(labels, (first, second), strict=True)), stated


def _everything(
    told: recommendation.Recommendation, spec: Spec, of_study: bool, best: FrozenTrial | None, dose_response: bool
) -> tuple[dict[str, Config], Claims, dict[str, Any]]:
    """All arms of the recommendation and the best of a search, all claims, and the designs with more than two arms."""
    arms, renamed = naming.arms(spec, told, of_study)
    if best is not None and (config := config_of(spec, best)) not in arms.values():
        arms["best"] = config
    if len(arms) < 2:
        raise InputError("nothing to compare: name --baseline and --candidate, or give the study file plans")
    ends = ("baseline", "candidate")
    stated = [c.model_dump(mode="json") | {end: renamed[getattr(c, end)] for end in ends} for c in told.claims]
    designs: dict[str, Any] = {"ladder": [renamed[name] for name in told.ladder]}
    factorial = told.factorial.model_dump() if told.factorial else None
    designs["factorial"] = factorial and {part: renamed[name] for part, name in factorial.items()}
    if dose_response:
        doses = {renamed.get(name, name): found for name, found in told.doses().items()}
        arms |= {name: config for name, (_, config) in doses.items() if name not in arms}
        designs["doses"] = {name: dose for name, (dose, _) in doses.items()}
    return arms, stated, designs


def recommended(
    claims: Path | None, spec: Spec, best: FrozenTrial | None, seeded: bool = True
) -> recommendation.Recommendation:
    """What is compared on what: a recommendation, or for one's own model or script what the study says.

    seeded: refuse a script whose runs cannot differ by their seed.
    """
    if spec.vocabulary is BUILT_IN:
        return recommendation.load(claims)
    if seeded and not takes_a_seed(spec):
        raise InputError("command: no {seed} in it, so that the runs of an arm cannot differ by their seed alone")
    reported = {}
    if spec.command is not None:
        tests = [*spec.script.metrics, *(TrialRecord.of(best).result.test if best else ())]
        test = next((name for name in tests if name.startswith("test")), spec.objective)
        reported = dict.fromkeys((test, spec.objective), spec.goal.direction)
    if claims is not None:
        return recommendation.load(claims, spec.vocabulary, reported)
    return recommendation.of_study(spec, reported)


def _spec(store: Store, study: str | None) -> tuple[Spec, FrozenTrial | None]:
    """The spec to train with, and the best trial where the study is a search that has one."""
    if study is None or not exists(store, study):
        return study_file.load(study or "quickstart"), None
    opened = open_study(store, study)
    best = best_trial(opened)
    if best is None:
        raise InputError(f"study {study!r} has no completed trial to validate; see: tuner status {study}")
    return opened.spec, best

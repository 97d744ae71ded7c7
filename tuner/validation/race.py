"""The race at the end of a search: its best few candidates and the baseline again under fresh paired seeds.

A race is a validation that belongs to a study: its blocks are trials of a queue, which any worker takes and whoever
comes back goes on with. What differs is that candidates leave early (`elimination`) and that there is no null arm.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from tuner.errors import InputError, RunError
from tuner.report.finish import finished, publish
from tuner.spec.model import Spec
from tuner.spec.rules import takes_a_seed
from tuner.storage import opening
from tuner.storage.record import BlockRecord, config_of, epochs_run
from tuner.study import own_code
from tuner.study.answer import Answer, Verdict, answer_of, baseline_trial, keep, source
from tuner.study.study import Study, load_data
from tuner.study.summary import summarise
from tuner.tracking.client import NOTE, Tracker
from tuner.validation import measures, queue
from tuner.validation.arms import recommended
from tuner.validation.blocks import Validation, create_or_resume
from tuner.validation.elimination import SECOND, Rules, Standing, stand, trainings
from tuner.validation.plan import Plan
from tuner.validation.run import register
from tuner.validation.running import Look, Say, count, run
from tuner.validation.statistics import seeds_for_claims
from tuner.validation.verdict import context_of, plain

CANDIDATES = 3
MOST_SEEDS = 20
DEARER = 1.25
"""A race is on by default where it costs at most so many times what the search did."""
APART = 0.2
"""Candidates differ by so much of a knob's range, or in a word, where there are enough that do."""
PRIMARY = {"val/weighted_f1": "final_performance", "val/macro_f1": "macro_f1", "val/accuracy": "accuracy"}
"""What a race is decided on by what the search looked at: the same score on the test rows."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a race may become."""

    candidates: int
    seeds: int


def size_of(study: Study, asked: bool | None, seeds: int | None = None) -> Size | None:
    """The size of the race that a search ends with; None where it would cost more than the search and nobody asked.

    asked: True for a race whatever it costs; False for none; None for what the study file says, else by its cost.
    """
    asked = study.spec.search.race if asked is None else asked
    there = len(candidates(study, CANDIDATES))
    if asked is False or there == 0:
        return None
    if asked:
        return Size(there, seeds or MOST_SEEDS)
    done = opening.trials(study.optuna, [TrialState.COMPLETE, TrialState.PRUNED])
    affordable = DEARER * sum(map(epochs_run, done)) / study.spec.training.epochs
    for k in range(there, 0, -1):
        fits = [n for n in range(SECOND, MOST_SEEDS + 1) if trainings(k, n) <= affordable]
        if fits:
            return Size(k, fits[-1])
    return None


def candidates(study: Study, most: int) -> list[FrozenTrial]:
    """The best completed trials that are not the baseline, different from each other where there are enough."""
    baseline = study.spec.named()["baseline"]
    done = [t for t in opening.trials(study.optuna, [TrialState.COMPLETE]) if t.value is not None]
    sign = -1.0 if study.optuna.direction.name == "MAXIMIZE" else 1.0
    done.sort(key=lambda t: (sign * (t.value or 0.0), t.number))
    pool: list[FrozenTrial] = []
    for trial in done:
        config = config_of(study.spec, trial)
        if config != baseline and all(config != config_of(study.spec, other) for other in pool):
            pool.append(trial)
    # Far down the list a trial that differs is no candidate any more.
    near, chosen = pool[: 4 * most], pool[:1]
    for trial in near[1:]:
        if all(distance(study.spec, trial, other) >= APART for other in chosen):
            chosen.append(trial)
    chosen += [trial for trial in near if trial not in chosen]
    return sorted(chosen[:most], key=near.index)


def distance(spec: Spec, one: FrozenTrial, other: FrozenTrial) -> float:
    """How far two configs are apart in the knob in which they differ most: a share of its range, 1 for a word."""
    values = [spec.searched(config_of(spec, trial)) for trial in (one, other)]
    return max((_apart(spec, name, *(v.get(name) for v in values)) for name in spec.knobs), default=0.0)


def _apart(spec: Spec, name: str, a: Any, b: Any) -> float:
    rng = spec.knobs[name]
    if rng.choices is not None or a is None or b is None:
        return float(a != b)
    assert rng.low is not None and rng.high is not None
    if rng.log:
        return abs(math.log(a / b)) / math.log(rng.high / rng.low)
    return float(abs(a - b) / (rng.high - rng.low))


def make_plan(study: Study, size: Size) -> Plan:
    """Fix everything before the first seed. Raises InputError where there is nothing to race or too few seeds."""
    needed = max(SECOND, seeds_for_claims(size.candidates))
    if size.seeds < needed:
        raise InputError(
            f"--seeds {size.seeds} is too few: a verdict on {size.candidates} candidates takes at least {needed} "
            "fresh seeds"
        )
    chosen, baseline = candidates(study, size.candidates), baseline_trial(study)
    if not chosen or baseline is None:
        raise InputError(
            f"study {study.name!r} has no completed trial besides its baseline to race; see: tuner status {study.name}"
        )
    told = recommended(None, study.spec, chosen[0], seeded=False)
    arms = {"baseline": study.spec.named()["baseline"]}
    arms |= {source(trial): config_of(study.spec, trial) for trial in chosen}
    primary = PRIMARY.get(study.spec.objective, told.primary)
    code = own_code.fingerprints(study.spec)
    return Plan(study.spec, arms, primary, told.margin, [], size.seeds, code=code, race_of=study.name)


def race(
    study: Study,
    size: Size,
    *,
    workers: int,
    device: str,
    say: Say = print,
    look: Callable[[Say], Look] = count,
) -> Answer:
    """Run the race to its end, or go on with one that was interrupted, and keep its answer in the study.

    Raises InputError where the study or its data has too little for it, RunError where workers failed,
    KeyboardInterrupt on Ctrl-C with its blocks back in the queue.
    """
    plan = make_plan(study, size)
    fingerprint = "" if plan.spec.command else load_data(plan.spec).fingerprint
    if not plan.spec.command:
        _check_splits(plan)
    validation = create_or_resume(
        study.place, study.name, plan, fingerprint, lambda name: register(study.place, name, plan, fingerprint)
    )
    epochs = trainings(size.candidates, size.seeds) * plan.spec.training.epochs
    names = ", ".join(name for name in plan.arms if name != "baseline")
    say(f"race: {names} and the baseline under up to {size.seeds} fresh seeds, {epochs} epochs at most")
    if not takes_a_seed(plan.spec):
        say("the script takes no seed: it is raced by repeats, which show only what differs from run to run")
    while not (now := standing(validation)).over:
        done = len(blocks_done(validation))
        if done:
            say(f"after {done} seeds these go on: {', '.join(now.alive)}")
        run(validation, now.next_look, workers, device, say, look(say), arms=["baseline", *now.alive])
    return conclude(study, validation, now)


def _check_splits(plan: Plan) -> None:
    """Raise InputError where the data cannot be split again under the first seeds of the race."""
    from tuner.validation.blocks import seed_of

    for block in range(3):
        try:
            load_data(plan.spec.model_copy(update={"seed": seed_of(plan, block)}))
        except InputError as error:
            raise InputError(f"the data is too small to be split again for a race: {error}") from None


def blocks_done(validation: Validation) -> list[FrozenTrial]:
    """Finished blocks in their order, up to the first that is missing."""
    there = queue.by_block(validation.optuna)
    found: list[FrozenTrial] = []
    for block in range(len(there)):
        if block not in there or there[block].state != TrialState.COMPLETE:
            break
        found.append(there[block])
    return found


def standing(validation: Validation) -> Standing:
    """How the race stands after the blocks that are done."""
    plan = validation.plan
    done = [BlockRecord.of(trial).arms for trial in blocks_done(validation)]
    higher = measures.metric(plan.primary, plan.reported).higher_is_better
    seeded = takes_a_seed(plan.spec)
    rules = Rules(plan.margin, "maximize" if higher else "minimize", plan.seeds, flat_counts=seeded)
    records = {name: [arms[name] for arms in done if name in arms] for name in plan.arms}
    values = {name: np.array([]) for name in records}
    if done:
        values |= measures.values(records, plan.primary, context_of(plan, records))
    base, *others = plan.arms
    return stand(values[base], {name: values[name] for name in others}, rules)


def conclude(study: Study, validation: Validation, now: Standing) -> Answer:
    """Keep the answer, in the study and in MLflow."""
    answer = answer_from(study, validation, now)
    keep(study, answer)
    done = blocks_done(validation)
    result = {"answer": answer.as_data(), "compared": plain({n: vars_of(c) for n, c in now.compared.items()})}
    result["diverged"] = {
        name: sum(BlockRecord.of(t).arms.get(name, {}).get("state") == "diverged" for t in done)
        for name in validation.plan.arms
    }
    folder = validation.place.state / "reports" / validation.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(result, indent=2), encoding="utf-8")
    tracker = Tracker(validation.place.tracking, validation.place.state)
    run_id = validation.runs.run_id
    tracker.artifact(run_id, folder / "result.json")
    tracker.update(run_id, tags={NOTE: _note(answer, result), "answer": answer.source, "verdict": answer.verdict})
    tracker.end_study(run_id, "FINISHED")
    if finished(study):
        summary = summarise(study)
        publish(study, study.tracker(), summary)
    return answer


def vars_of(compared: Any) -> dict[str, Any]:
    """A comparison as plain data."""
    return {name: getattr(compared, name) for name in compared.__dataclass_fields__}


def answer_from(study: Study, validation: Validation, now: Standing) -> Answer:
    """The answer that a race which is over gives."""
    leader = now.leader
    if leader is None:
        raise RunError(f"{validation.name} has no look at its seeds that could decide")
    plan, best = validation.plan, now.compared[leader]
    won = best.verdict == "better"
    verdict: Verdict = best.verdict if best.verdict != "worse" else "inconclusive"
    reasons = {
        "better": "shown better than the baseline under fresh seeds",
        "equivalent": f"the best candidate is as good to within {plan.margin:g}",
        "inconclusive": "nothing was shown to beat it under fresh seeds",
        "worse": "every candidate left is worse under fresh seeds",
    }
    trial = _trial(study, leader if won else "baseline")
    ci = (best.lo, best.hi) if math.isfinite(best.lo) else None
    return Answer(
        config=plan.arms[leader if won else "baseline"].knobs(),
        source=leader if won else "baseline",
        trial=trial.number,
        verdict=verdict,
        candidate=leader,
        difference=best.difference,
        ci=ci,
        metric=plan.primary,
        seeds=best.seeds,
        reason=reasons[best.verdict],
        race=validation.name,
    )


def _trial(study: Study, name: str) -> FrozenTrial:
    return next(t for t in opening.trials(study.optuna) if t.state != TrialState.WAITING and source(t) == name)


def _note(answer: Answer, result: dict[str, Any]) -> str:
    from tuner.report.answer import sentence

    said = sentence(answer.as_data())
    lines = [f"**{said[0].upper()}{said[1:]}**", "", "| candidate | difference | 95% interval | seeds | verdict |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, c in result["compared"].items():
        interval = "" if c["lo"] is None else f"{c['lo']:+.4f} .. {c['hi']:+.4f}"
        lines.append(f"| {name} | {c['difference']:+.4f} | {interval} | {c['seeds']} | {c['verdict']} |")
    diverged = ", ".join(f"{name} {n}" for name, n in result["diverged"].items() if n)
    return "\n".join([*lines, "", *([f"Diverged runs, counted with the worst value: {diverged}"] if diverged else [])])


def race_finished(
    study: Study, size: Size, *, workers: int, device: str, say: Say, look: Callable[[Say], Look] = count
) -> Answer:
    """The race of a study whose search has ended, whenever that was; InputError while trials wait or run."""
    open_ = [t for t in opening.trials(study.optuna) if t.number < study.n_trials and not t.state.is_finished()]
    if open_:
        raise InputError(
            f"study {study.name!r} still has {len(open_)} trials to run; a race follows when they are done: "
            f"tuner start --name {study.name}"
        )
    there = len(candidates(study, size.candidates))
    size = Size(max(1, min(there, size.candidates)), size.seeds)
    return race(study, size, workers=workers, device=device, say=say, look=look)


def after_search(
    study: Study, asked: bool | None, *, workers: int, device: str, say: Say, look: Callable[[Say], Look] = count
) -> Answer | None:
    """The race that a search ends with; None, with the reason said, where there is none."""
    size = size_of(study, asked)
    if size is None:
        return answer_of(study)
    try:
        return race(study, size, workers=workers, device=device, say=say, look=look)
    except InputError as error:
        if asked:
            raise
        say(f"no race: {error}")
        return answer_of(study)

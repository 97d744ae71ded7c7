"""A race: candidates of a search and the baseline under fresh seeds, from plan to answer, with planted results."""

import numpy as np
import pytest

from tuner.errors import InputError
from tuner.study.answer import answer_of
from tuner.study.study import open_study
from tuner.study.summary import best_trial, summarise
from tuner.validation import blocks, queue, race, working
from tuner.validation.race import Size
from tuner.worker import worker


@pytest.fixture
def searched(make_study, scripted):
    """A study whose best trials are none of the plans."""
    study = make_study(search={"trials": 9, "pruner": "none"})
    named = set(map(str, study.spec.named().values()))
    scripted(lambda config, epoch: 0.5 if str(config) in named else 0.9 - config.encoder_loss_weight)
    worker.work(study, device="cpu", say=lambda text: None)
    return open_study(study.place, study.name)


def ran(f1):
    if f1 is None:
        return {"state": "diverged", "reason": "epoch 1: not finite", "test": {}, "curves": {}}
    scores = {f"test/{name}": f1 for name in ("weighted_f1", "macro_f1", "accuracy")}
    return {"state": "complete", "test": scores, "curves": {name: [f1] * 4 for name in blocks.CURVES}}


@pytest.fixture
def planted(monkeypatch):
    """Blocks in this process, each arm with a planted lead over the baseline: the leads, and the blocks as trained."""
    leads, trained = {}, []

    def run_block(plan, block, device, tell, part, *, arms=(), **more):
        names = list(arms or plan.arms)
        trained.append((block, tuple(names)))
        noise = 0.002 * np.random.default_rng(block).normal(size=len(names))
        lead = [leads.get(name, 0.0) for name in names]
        return {n: ran(None if v is None else 0.7 + v + e) for n, v, e in zip(names, lead, noise, strict=True)}

    def run(validation, seeds, workers, device, say, look, arms=()):
        queue.fill(validation.optuna, seeds, arms)
        working.work(validation, device="cpu", say=lambda text: None)

    monkeypatch.setattr(blocks, "run_block", run_block)
    monkeypatch.setattr(race, "run", run)
    return leads, trained


def go(study, size=Size(3, 12)):  # noqa: B008  (frozen)
    said = []
    answer = race.race(study, size, workers=1, device="cpu", say=said.append)
    return answer, said


def test_a_candidate_shown_better_is_the_answer(searched, planted):
    leads, trained = planted
    best = best_trial(searched)
    leads[f"trial:{best.number}"] = 0.05
    answer, said = go(searched)
    assert (answer.source, answer.verdict, answer.seeds) == (f"trial:{best.number}", "better", 8)
    assert answer.ci[0] < answer.difference < answer.ci[1] and answer.ci[0] > 0
    assert answer_of(open_study(searched.place, searched.name)) == answer
    assert "epochs at most" in said[0]
    assert [len(arms) for _, arms in trained] == [4] * 4 + [3] * 4  # one left at the first look
    assert summarise(searched)["answer"]["race"] == answer.race


def test_where_nothing_is_better_the_baseline_is_kept(searched, planted):
    answer, _ = go(searched)
    assert (answer.source, answer.verdict) == ("baseline", "equivalent")
    assert answer.config == searched.spec.named()["baseline"].knobs()


def test_a_candidate_that_diverges_counts_with_the_worst_score(searched, planted):
    leads, _ = planted
    for trial in race.candidates(searched, 3):
        leads[f"trial:{trial.number}"] = None
    answer, _ = go(searched)
    assert answer.source == "baseline" and answer.difference < -0.6


def test_an_interrupted_race_goes_on_where_it_was(searched, planted, monkeypatch):
    _, trained = planted
    whole = race.run

    def broken(validation, seeds, *rest, **more):
        if seeds > 4:
            raise KeyboardInterrupt
        whole(validation, seeds, *rest, **more)

    monkeypatch.setattr(race, "run", broken)
    with pytest.raises(KeyboardInterrupt):
        go(searched)
    monkeypatch.setattr(race, "run", whole)
    answer, _ = go(searched)
    assert answer.verdict == "equivalent" and sorted(block for block, _ in trained) == list(range(answer.seeds))


def test_too_few_seeds_are_refused_with_how_many_it_takes(searched):
    with pytest.raises(InputError, match="--seeds 4 is too few: a verdict on 3 candidates takes at least 8"):
        race.make_plan(searched, Size(3, 4))


def test_seeds_of_a_race_are_none_of_a_validation(searched):
    plan = race.make_plan(searched, Size(2, 8))
    assert blocks.seed_of(plan, 0) - blocks.FRESH - searched.spec.seed * 100_000 == blocks.RACE
    assert plan == type(plan).from_data(plan.as_data())


def test_by_default_there_is_no_race_that_costs_more_than_the_search(searched):
    assert race.size_of(searched, None) is None  # 9 trials, and the smallest race is 16 trainings
    assert race.size_of(searched, False) is None
    assert race.size_of(searched, True) == Size(3, race.MOST_SEEDS)


def test_candidates_are_the_best_and_differ_from_each_other(searched):
    chosen = race.candidates(searched, 3)
    assert chosen[0].number == best_trial(searched).number and len({t.number for t in chosen}) == 3
    assert all("plan" not in t.user_attrs for t in chosen)

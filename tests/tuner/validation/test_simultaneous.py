"""One word for one comparison: intervals of several contrasts that hold together and agree with Holm."""

import importlib.util
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from trainer.config import LossConfig
from tuner.validation import statistics
from tuner.validation.statistics import simultaneous, word

RNG = np.random.default_rng(0)
MANY = {"margin": 0.5, "direction": "maximize", "n": 12}


def spread(mean, n=12, seed=0):
    noise = np.random.default_rng(seed).normal(size=n)
    return mean + (noise - noise.mean()) / noise.std(ddof=1)


def test_an_interval_leaves_zero_out_exactly_where_holm_rejects():
    rng = np.random.default_rng(1)
    for _ in range(15):
        given = dict(enumerate(rng.normal(size=(6, 12)) + rng.choice([0, 0.6, 1.2], (6, 1))))
        found = simultaneous(given, RNG)
        assert [c.p_holm for c in found.values()] == pytest.approx(statistics.holm([c.p for c in found.values()]))
        for c in found.values():
            assert (c.lo > 0 or c.hi < 0) == (c.p_holm <= 0.05)
            assert c.lo <= c.difference <= c.hi


def test_one_contrast_is_the_ordinary_interval():
    (one,) = simultaneous({"a": spread(0.3)}, RNG).values()
    assert (one.lo, one.hi) == pytest.approx(statistics.confidence_interval(spread(0.3))[:2])


def test_the_word_has_a_place_for_better_by_less_than_matters():
    said = [
        word(lo, hi, **MANY) for lo, hi in ((0.1, 0.4), (-0.4, -0.1), (-0.1, 0.4), (0.1, 0.9), (-0.9, -0.1), (-1, 1))
    ]
    assert said == ["better by less", "worse by less", "equivalent", "better", "worse", "inconclusive"]
    assert word(0.1, 0.4, margin=0.5, direction="minimize", n=12) == "worse by less"


def test_all_intervals_of_a_global_null_hold_together():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(60):
        common = rng.normal(size=10)
        found = simultaneous({i: rng.normal(size=10) - common for i in range(6)}, RNG)
        held.append(all(c.lo <= 0 <= c.hi for c in found.values()))
    assert np.mean(held) >= 0.88


def test_distances_from_the_best_allow_for_its_having_been_chosen():
    rng = np.random.default_rng(3)
    wrong, naive = [], []
    for _ in range(60):
        arms = {str(i): row for i, row in enumerate(rng.normal(size=(8, 10)))}
        best, apart = statistics.best_of(arms, True)
        wrong.append(any(hi < 0 for name, (_, _, hi) in apart.items() if name != best))
        gaps = (statistics.confidence_interval(arms[n] - arms[best])[1] for n in arms if n != best)
        naive.append(any(hi < 0 for hi in gaps))
    assert np.mean(wrong) <= 0.12 < 0.2 < np.mean(naive)


def test_what_is_truly_best_is_no_further_ahead_than_said():
    rng = np.random.default_rng(4)
    truth = np.array([0.0, 0.5, 1.0, 1.0])
    held = []
    for _ in range(60):
        arms = {str(i): row for i, row in enumerate(rng.normal(size=(4, 12)) + truth[:, None])}
        _, apart = statistics.best_of(arms, True)
        held.append(all(apart[str(i)][1] <= truth[i] - truth.max() + 1e-9 for i in range(2)))
    assert np.mean(held) >= 0.88


def test_a_report_has_one_word_for_one_comparison():
    """Once `focal` was inconclusive in the forest plot and worse in the ladder."""
    spec = importlib.util.spec_from_file_location("verdicts", Path(__file__).with_name("test_verdict.py"))
    verdicts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verdicts)
    SPEC, scripted = verdicts.SPEC, verdicts.scripted

    from tuner.validation.plan import Plan
    from tuner.validation.verdict import judge

    effects = {"a": 0.006, "b": -0.007, "c": 0.012, "both": 0.002}
    names = ["baseline", *effects]
    plan = Plan(
        SPEC,
        {n: LossConfig(encoder_loss_weight=0.1 + i) for i, n in enumerate(names)},
        "final_performance",
        0.01,
        [],
        10,
        ladder=["a", "baseline", "b", "c", "both"],
        factorial={"first": "a", "second": "b", "both": "both"},
    )
    found = judge(plan, scripted(effects))
    said = {(c["baseline"], c["candidate"]): c["word"] for c in found["comparisons"]}
    turned = {
        "better": "worse",
        "worse": "better",
        "better by less": "worse by less",
        "worse by less": "better by less",
    }
    steps = {(s["from"], s["to"]): s["word"] for s in found["ladder"]}
    assert steps["baseline", "b"] == said["baseline", "b"]
    assert steps["a", "baseline"] == turned.get(said["baseline", "a"], said["baseline", "a"])
    assert list(steps) == list(itertools.pairwise(plan.ladder))
    assert found["together"] == 4 + 2 + 1
    for c in found["comparisons"]:
        assert (c["word"] in ("better", "worse", "better by less", "worse by less")) == (c["ci"][0] * c["ci"][1] > 0)
        assert c["verdict"] in ("better", "worse", "equivalent", "inconclusive")
    json.dumps(found)


def test_holm_counts_claims_of_the_same_comparison_once():
    found = statistics.holm_by_group([0.01, 0.02, 0.03, 0.5], ["a", "a", "b", "c"])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.5])
    assert statistics.holm_by_group([0.02, 0.5, 0.03], [0, 1, 2]) == pytest.approx(statistics.holm([0.02, 0.5, 0.03]))


def test_none_in_ten_runs_allows_a_quarter():
    assert statistics.share_bounds(0, 10) == (0.0, pytest.approx(0.259, abs=1e-3))
    lo, hi = statistics.share_bounds(4, 8)
    assert (lo, hi) == (pytest.approx(0.193, abs=1e-3), pytest.approx(0.807, abs=1e-3))
    assert statistics.share_bounds(3, 3)[1] == 1.0


def test_a_gain_in_percent_is_read_as_points_too():
    from tuner.validation.verdict import readings

    assert readings("final_performance", 1, 2, 0.8) == pytest.approx((1, 2.5))
    # 20% speed: 20% fewer epochs, or 1.2 times the pace.
    assert readings("speed", 20, 20, 9.0) == pytest.approx((100 / 6, 20))
    assert readings("speed", -3, 3, 9.0) == (-3, 3) and readings("training_loss", 10, 20, 9.0) == (10, 20)

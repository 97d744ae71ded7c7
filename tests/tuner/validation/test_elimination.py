"""The decision rule of a race: a pure null keeps the baseline, a truth is found, what is hopeless leaves early."""

import numpy as np
import pytest

from tuner.validation.elimination import Rules, looks, stand, trainings

RULES = Rules(0.01, "maximize", 12)


def simulated(effects, runs, rules=RULES, deviation=0.02, seed=0):
    """Verdicts on the leader, as a list; effects: true differences of the candidates from the baseline."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        noise = deviation * rng.normal(size=(len(effects) + 1, rules.seeds))
        arms = {f"trial:{i}": noise[i + 1] + effect for i, effect in enumerate(effects)}
        standing = stand(noise[0], arms, rules)
        found.append((standing.leader, standing.compared[standing.leader].verdict))
    return found


@pytest.mark.parametrize("seeds", [8, 12, 20])
def test_a_pure_null_keeps_the_baseline(seeds):
    found = simulated([0.0, 0.0, 0.0], 600, Rules(0.01, "maximize", seeds))
    assert sum(verdict == "better" for _, verdict in found) <= 0.04 * 600  # 2.5% are allowed, and luck on top


def test_a_gain_is_found_and_named():
    found = simulated([0.0, 0.05, 0.0], 100)
    assert sum(outcome == ("trial:1", "better") for outcome in found) >= 95


def test_lower_is_better_where_the_metric_is_an_error():
    rules = Rules(0.01, "minimize", 12)
    assert {verdict for _, verdict in simulated([-0.08, 0.0], 20, rules)} == {"better"}
    assert "better" not in {verdict for _, verdict in simulated([0.08, 0.08], 20, rules)}


def test_candidates_that_are_as_good_to_within_the_margin_end_it():
    rng = np.random.default_rng(1)
    base = rng.normal(size=12)
    standing = stand(base[:8], {"a": base[:8] + 1e-3 * rng.normal(size=8)}, RULES)
    assert standing.over and standing.compared["a"].verdict == "equivalent"


def test_the_worse_half_leaves_at_the_first_look_where_nothing_is_decided_yet():
    noise = np.random.default_rng(0).normal(scale=0.001, size=(4, 4))
    arms = {"a": noise[1] + 0.01, "b": noise[2] - 0.03, "c": noise[3] + 0.02}
    standing = stand(noise[0], arms, RULES)
    assert (standing.alive, standing.next_look) == (("c", "a"), 8)
    assert {compared.verdict for compared in standing.compared.values()} == {"inconclusive"}
    # The one that left is not asked for any more values.
    assert stand(np.zeros(8), {**{n: [*v, 0.0, 0.0, 0.0, 0.0] for n, v in arms.items()}, "b": arms["b"]}, RULES)


def test_before_the_first_look_all_run():
    standing = stand([], {"a": [], "b": []}, RULES)
    assert (standing.alive, standing.next_look, standing.compared) == (("a", "b"), 4, {})


def test_repeats_that_do_not_differ_decide_nothing():
    flat = Rules(0.01, "maximize", 8, flat_counts=False)
    assert stand(np.zeros(8), {"a": np.ones(8)}, flat).compared["a"].verdict == "inconclusive"
    assert stand(np.zeros(8), {"a": np.ones(8)}, Rules(0.01, "maximize", 8)).compared["a"].verdict == "better"


def test_what_a_race_costs():
    assert looks(12).counts == (4, 8, 12) and looks(8).counts == (4, 8)
    assert sum(looks(20).shares) == pytest.approx(1) and looks(20).shares[0] == 0
    assert [trainings(3, 8), trainings(3, 12), trainings(1, 8)] == [4 * 4 + 4 * 3, 4 * 4 + 4 * 3 + 4 * 2, 16]

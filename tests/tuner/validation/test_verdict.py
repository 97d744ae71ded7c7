"""Verdicts on planted records, and the designs with more than two arms. Nothing is trained."""

import json
import math

import numpy as np
import pytest

from trainer.config import LossConfig
from tuner.errors import InputError
from tuner.spec.model import Spec
from tuner.validation import designs, measures, statistics
from tuner.validation.plan import Plan
from tuner.validation.verdict import decided, judge, plain

BLOCKS = 10
EPOCHS = 10
WOBBLE = np.array([1.0, 1.3, 0.9, 1.2, 0.8, 1.1, 0.95, 1.05, 0.9, 1.0])
SPEC = Spec.model_validate({"knobs": {"encoder_loss_weight": {"low": 0.01, "high": 0.1}}, "training": {"epochs": 10}})
DIVERGED = {"state": "diverged", "reason": "epoch 3: not finite", "test": {}, "curves": {}}


def run(f1, *, loss=1.0, reach=5, total=1.0):
    """A record: test F1, factor of the training loss, epoch at which validation F1 gets to 0.9."""
    fall = np.exp(-np.arange(EPOCHS) / 4) * WOBBLE
    return {
        "state": "complete",
        "test": {"test/weighted_f1": f1, "test/macro_f1": f1, "test/accuracy": f1},
        "minority_f1": f1,
        "curves": {
            "val/weighted_f1": [0.9 if e >= reach else 0.2 for e in range(1, EPOCHS + 1)],
            "val/cross_entropy": list(fall),
            "train/cross_entropy": list(loss * fall),
            "weighted/total": list(total * fall),
            "val/mse": list(fall),
        },
        "gradient_cv": 0.5,
        "gradient_sd": 1.0,
        "explosion_share": 0.0,
        "gate_saturation": 0.2,
        "effective_weight": 0.1,
    }


def scripted(effects, blocks=BLOCKS, spread=0.01, null=0.0, **changes):
    """Records in which arm `a` is effects[a] above the baseline on average; a block's level is common to its arms."""
    rng = np.random.default_rng(5)
    level = 0.7 + 0.05 * rng.normal(size=blocks)
    records = {"baseline": [run(v) for v in level]}
    for name, effect in {**effects, "null": null}.items():
        noise = rng.normal(size=blocks)
        noise = spread * (noise - noise.mean()) / noise.std()
        records[name] = [run(v, **changes.get(name, {})) for v in level + effect + noise]
    return records


def plan(arms, claims=(), **changes):
    configs = {n: LossConfig(encoder_loss_weight=0.1 + i) for i, n in enumerate(["baseline", *arms])}
    given = {"primary": "final_performance", "margin": 0.01, "seeds": BLOCKS} | changes
    return Plan(SPEC, configs, claims=[claim(*c) for c in claims], **given)


def claim(id, candidate, metric, low, high, baseline="baseline"):
    return {"id": id, "baseline": baseline, "candidate": candidate, "metric": metric, "claimed": [low, high]}


def verdicts(result):
    return {c["candidate"]: c["verdict"] for c in result["comparisons"]}


EFFECTS = {"up": 0.05, "down": -0.05, "same": 0.0, "unclear": 0.008}


@pytest.fixture(scope="module")
def result():
    records = scripted(EFFECTS)
    wide = scripted({"unclear": 0.008}, spread=0.03)
    records["unclear"], records["same"] = wide["unclear"], scripted({"same": 0.0}, spread=0.004)["same"]
    return judge(plan(EFFECTS), records)


def test_planted_arms_get_their_verdicts(result):
    found = verdicts(result)
    assert found.pop("null") in ("equivalent", "inconclusive")
    assert found == {"up": "better", "down": "worse", "same": "equivalent", "unclear": "inconclusive"}


def test_differences_are_candidate_minus_baseline_in_the_metrics_unit(result):
    for c in result["comparisons"]:
        assert c["difference"] == pytest.approx({**EFFECTS, "null": 0.0}[c["candidate"]], abs=1e-9)
        assert c["ci"][0] <= c["difference"] <= c["ci"][1]


def test_seeds_needed_grow_where_the_verdict_is_open(result):
    for c in result["comparisons"]:
        if c["verdict"] == "inconclusive":
            assert c["seeds_needed"] is None or c["seeds_needed"] > BLOCKS
        else:
            assert c["seeds_needed"] == BLOCKS


def test_lower_is_better_turns_the_verdict_round():
    records = scripted({"a": 0.0}, a={"loss": 0.5})
    found = judge(plan(["a"], primary="training_loss", margin=1e-6), records)
    assert verdicts(found)["a"] == "better"
    assert found["comparisons"][0]["difference"] < 0


def test_the_keys_of_the_contract(result):
    assert {"primary", "margin", "seeds", "arms", "comparisons", "claims"} <= result.keys()
    assert result["primary"] == "final_performance"
    assert result["margin"] == 0.01
    assert result["seeds"] == BLOCKS
    assert list(result["arms"]) == ["baseline", *EFFECTS, "null"]
    wanted = {"baseline", "candidate", "metric", "difference", "ci", "p", "p_holm", "verdict", "seeds_needed"}
    for c in result["comparisons"]:
        assert wanted <= c.keys()
        assert c["baseline"] == "baseline"
        assert c["metric"] == "final_performance"
    (found,) = judge(plan(["a"], [("x", "a", "speed", 10, 20)]), scripted({"a": 0.1}))["claims"]
    assert {"id", "metric", "claimed", "naive", "measured", "ci", "verdict"} <= found.keys()
    assert (found["id"], found["metric"], found["claimed"]) == ("x", "speed", [10, 20])


def test_holm_is_over_the_candidates_and_leaves_the_null_arm_out(result):
    p = {c["candidate"]: c["p"] for c in result["comparisons"]}
    holm = {c["candidate"]: c["p_holm"] for c in result["comparisons"]}
    assert holm["null"] == p["null"]
    running = 0.0
    for i, name in enumerate(sorted(EFFECTS, key=p.get)):
        running = max(running, min(1.0, (len(EFFECTS) - i) * p[name]))
        assert holm[name] == pytest.approx(running)
    assert holm["up"] > p["up"]


def test_holm_decides():
    """Six blocks, all of one sign: p = 1/32 is significant alone, and not as one of three."""
    spread = {"spread": 0.005, "blocks": 6}
    alone = judge(plan(["a"]), scripted({"a": 0.05}, **spread))
    assert verdicts(alone)["a"] == "better"
    three = judge(plan(["a", "b", "c"]), scripted({"a": 0.05, "b": 0.05, "c": 0.05}, **spread))
    assert {v for n, v in verdicts(three).items() if n != "null"} == {"inconclusive"}


def test_the_null_arm_comes_last_and_can_show_a_difference(result):
    assert result["comparisons"][-1]["candidate"] == "null"
    assert result["arms"]["null"]["params"] == result["arms"]["baseline"]["params"]
    assert verdicts(judge(plan(["a"]), scripted({"a": 0.0}, null=0.05)))["null"] == "better"


def test_diverged_runs_are_counted_and_cost():
    records = scripted({"a": 0.05})
    records["a"] = [DIVERGED] * 3 + records["a"][3:]
    found = judge(plan(["a"], [("f", "a", "final_performance", 1, 2), ("s", "a", "speed", 1, 2)]), records)
    assert found["arms"]["a"]["diverged"] == 3
    assert found["arms"]["a"]["runs"] == BLOCKS
    assert found["arms"]["baseline"]["diverged"] == 0
    scores = np.mean([r["test"].get("test/weighted_f1", 0.0) for r in records["a"]])
    assert found["arms"]["a"]["means"]["final_performance"] == pytest.approx(scores)
    assert verdicts(found)["a"] != "better"
    everywhere = judge(plan(["a"], [("s", "a", "speed", -3, 3)]), records | {"a": [DIVERGED] * BLOCKS})
    assert verdicts(everywhere)["a"] == "worse"
    assert everywhere["claims"][0]["verdict"] == "refuted"
    assert everywhere["arms"]["a"]["effective_weight"] is None


@pytest.mark.parametrize("everyone", [True, False])
def test_a_baseline_that_diverged_everywhere_still_has_a_result(everyone):
    records = scripted({"a": 0.05})
    records["baseline"] = records["null"] = [DIVERGED] * BLOCKS
    if everyone:
        records["a"] = [DIVERGED] * BLOCKS
    claims = [(m, "a", m, 10, 20) for m in [*measures.METRICS, "training_loss@4"]]
    found = judge(plan(["a"], claims), records)
    json.dumps(found, allow_nan=False)
    assert verdicts(found)["a"] == ("inconclusive" if everyone else "better")
    assert all(c["measured"] is None for c in found["claims"] if c["metric"] == "final_performance")


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [((15, 25), "supported"), ((30, 40), "refuted"), ((5, 10), "not shown"), ((-5, 100), "supported")],
)
def test_claims_on_a_loss_that_is_a_fifth_lower(claimed, expected):
    records = scripted({"a": 0.0}, a={"loss": 0.8})
    (found,) = judge(plan(["a"], [("x", "a", "training_loss", *claimed)]), records)["claims"]
    assert found["measured"] == pytest.approx(20)
    assert found["verdict"] == expected


def test_a_gain_within_noise_is_not_shown():
    records = scripted({"a": 0.008}, spread=0.03)
    (found,) = judge(plan(["a"], [("x", "a", "final_performance", 1, 2)]), records)["claims"]
    assert found["ci"][0] < 0 < found["ci"][1]
    assert found["verdict"] == "not shown"


def test_a_claim_of_gain_that_is_a_loss_is_refuted():
    (found,) = judge(plan(["a"], [("x", "a", "final_performance", 1, 2)]), scripted({"a": -0.05}))["claims"]
    assert found["measured"] < -5
    assert found["verdict"] == "refuted"


def test_speed_in_percent_of_fewer_epochs():
    records = scripted({"a": 0.0}, a={"reach": 4})
    (found,) = judge(plan(["a"], [("x", "a", "epochs_to_95", 15, 20)]), records)["claims"]
    assert found["measured"] == pytest.approx(20)
    assert found["ci"] == pytest.approx([20, 20])
    assert found["verdict"] == "supported"


def test_naive_shows_what_is_arithmetic():
    """The total is halved and nothing else: naively a loss 50% lower, on the yardstick none."""
    records = scripted({"a": 0.0}, a={"total": 0.5})
    claims = [
        ("l", "a", "training_loss", 10, 20),
        ("s", "a", "stability", 25, 35),
        ("r", "a", "reconstruction", -10, 100),
    ]
    loss, stability, reconstruction = judge(plan(["a"], claims), records)["claims"]
    for found in (loss, stability):
        assert found["naive"] == pytest.approx(50)
        assert found["measured"] == pytest.approx(0, abs=1e-9)
        assert found["verdict"] == "refuted"
    assert reconstruction["naive"] is None
    assert reconstruction["verdict"] == "supported"


def test_a_claim_between_two_candidates_and_the_noise_beside_it():
    records = scripted({"a": 0.0, "b": 0.0}, a={"loss": 2.0}, b={"loss": 1.0})
    records["null"] = [run(0.7, loss=1.1) for _ in range(BLOCKS)]
    (found,) = judge(plan(["a", "b"], [("x", "b", "training_loss", 40, 60, "a")]), records)["claims"]
    assert found["measured"] == pytest.approx(50)
    assert found["null"] == pytest.approx(-10)
    assert (found["baseline"], found["candidate"], found["verdict"]) == ("a", "b", "supported")


def test_holm_is_over_all_claims_either_way():
    """A gain that one claim alone would show is not shown as one of many; nor is a claim refuted that one would be."""
    rng = np.random.default_rng(2)
    records = scripted({"a": 0.0, "b": 0.0})
    wobble = 1 + 0.1 * (z := rng.normal(size=BLOCKS)) / z.std()
    for name, factor in (("a", 0.92), ("b", 0.92)):
        records[name] = [run(0.7, loss=factor * w / wobble.mean()) for w in wobble]
    supported, refuted = ("gain", "a", "training_loss", 5, 15), ("more", "b", "training_loss", 16, 20)
    for claim_, outcome, key in ((supported, "supported", "p_for"), (refuted, "refuted", "p_against")):
        alone = judge(plan(["a", "b"], [claim_]), records)["claims"][0]
        assert alone["verdict"] == outcome
        assert 0.01 < alone[key] < 0.05
        # Claims with nothing to show make it one of eight.
        ends = (-901, -900) if key == "p_for" else (-900, 900)
        idle = [(f"{i}", "a", f"training_loss@{i + 1}", *ends) for i in range(7)]
        many = judge(plan(["a", "b"], [claim_, *idle]), records)["claims"][0]
        assert many["verdict"] == "not shown"
        assert many["ci"] == alone["ci"]
        assert many[key] == pytest.approx(min(1, 8 * alone[key]))
        # Claims of the same arms and metric are tested once.
        again = judge(plan(["a", "b"], [claim_] * 8), records)["claims"][0]
        assert (again["verdict"], again[key]) == (outcome, pytest.approx(alone[key]))


def test_claims_of_a_validation_that_is_looked_at_often_allow_for_it():
    records = scripted({"a": 0.0}, blocks=12)
    rng = np.random.default_rng(2)
    records["a"] = [run(0.7, loss=0.95 * w) for w in 1 + 0.06 * rng.normal(size=12)]
    claims = [("x", "a", "training_loss", 1, 10)]
    once, often = (judge(plan(["a"], claims, until_decided=often), records)["claims"][0] for often in (False, True))
    assert often["measured"] == once["measured"]
    assert often["ci"][0] < once["ci"][0] < once["ci"][1] < often["ci"][1]
    assert (once["verdict"], often["verdict"]) == ("supported", "not shown")


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (f"training_loss@{EPOCHS + 1}", "unreached"),
        ("training_loss@50", "unreached"),
        ("stability_early", "too short"),
        ("training_stability", "zero"),
    ],
)
def test_what_was_not_measured_is_not_shown_and_says_why(metric, why):
    records = scripted({"a": 0.0, "b": 0.0}, a={"loss": 0.5, "total": 0.5})
    claims = [("x", "a", metric, 10, 60), ("last", "a", f"training_loss@{EPOCHS}", 10, 60)]
    found, last = judge(plan(["a", "b"], claims), records)["claims"]
    assert (found["verdict"], found["why"], found["ci"], found["measured"]) == ("not shown", why, None, None)
    if why != "zero":
        assert found["naive"] is found["null"] is None
    assert (last["verdict"], last["why"]) == ("supported", None)


@pytest.mark.parametrize(("reach", "why"), [(EPOCHS + 1, "never reached"), (1, "at once")])
def test_a_target_that_all_or_none_reach_shows_no_speed(reach, why):
    records = scripted({"a": 0.0}, a={"reach": reach})
    records["baseline"] = [run(0.7, reach=reach)] * BLOCKS if why == "at once" else [DIVERGED] * BLOCKS
    (found,) = judge(plan(["a"], [("s", "a", "speed", 15, 20)]), records)["claims"]
    assert (found["verdict"], found["why"], found["measured"]) == ("not shown", why, None)


def test_what_is_the_same_in_every_block_is_decided_as_such():
    records = scripted({"a": 0.0}, a={"reach": 4})
    records["baseline"] = [run(0.7, reach=4) for _ in range(BLOCKS)]
    given = [(f"s{i}", "a", "speed", 15, 20) for i in range(30)]
    (found, *_) = judge(plan(["a"], given), records)["claims"]
    assert (found["verdict"], found["why"], found["measured"]) == ("refuted", "equal", 0)
    assert str([found["measured"], *found["ci"]]) == "[0.0, 0.0, 0.0]"  # and not -0.0


def test_a_primary_metric_that_is_not_defined_is_said():
    with pytest.raises(InputError, match=r"stability_early is not defined for runs of 10 epochs \(.*choose another"):
        judge(plan(["a"], primary="stability_early"), scripted({"a": 0.0}))


def test_where_every_run_diverged_nothing_is_shown():
    nothing = {name: [DIVERGED] * BLOCKS for name in ("baseline", "a", "null")}
    (found, null) = judge(plan(["a"]), nothing)["comparisons"]
    assert (found["verdict"], found["seeds_needed"], null["verdict"]) == ("inconclusive", None, "inconclusive")


def test_the_result_is_json():
    records = scripted({"a": 0.0, "b": 0.05})
    for r in records["a"]:
        r["effective_weight"] = math.nan
    for r in records["b"]:
        r["curves"]["weighted/total"] = [-1.0] * EPOCHS  # as under uncertainty weighting
    claims = [(f"{a} {m}", a, m, 10, 20) for m in [*measures.METRICS, "training_loss@4"] for a in "ab"]
    told = plan(
        ["a", "b"], claims, doses={"a": 0.0, "b": 1.0}, ladder=["baseline", "a", "b"],
        factorial={"first": "a", "second": "b", "both": "b"},
    )  # fmt: skip
    found = judge(told, records)
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again == found
    assert found["arms"]["a"]["effective_weight"] is None
    assert found["arms"]["baseline"]["effective_weight"] == pytest.approx(0.1)
    # No explosion in any run: no percent of 0.
    (explosions,) = (c for c in found["claims"] if c["id"] == "a training_stability")
    assert (explosions["measured"], explosions["ci"], explosions["verdict"]) == (None, None, "not shown")


def test_plain():
    assert plain({"a": (np.float64(1), np.inf), 2: [np.int64(3), math.nan, np.True_, "x"]}) == {
        "a": [1.0, None],
        "2": [3, None, True, "x"],
    }


def test_until_decided_uses_a_confidence_sequence():
    records = scripted({"a": 0.01}, blocks=12)
    fixed = judge(plan(["a"], margin=0.001), records)["comparisons"][0]
    often = judge(plan(["a"], margin=0.001, until_decided=True), records)["comparisons"][0]
    assert (fixed["method"], often["method"]) == ("t", "confidence sequence")
    assert often["ci"][0] < fixed["ci"][0] < fixed["ci"][1] < often["ci"][1]
    # Looking often has its price: what a single look would call clear is not.
    assert (fixed["verdict"], often["verdict"]) == ("better", "inconclusive")
    assert often["seeds_needed"] > 12
    assert often["difference"] == fixed["difference"]


def test_decided_asks_every_candidate_and_not_the_null_arm():
    clear = plan(["up", "down"], until_decided=True)
    assert decided(clear, scripted({"up": 0.1, "down": -0.1}, null=0.008, spread=0.01))
    assert not decided(plan(["up", "open"], until_decided=True), scripted({"up": 0.1, "open": 0.008}))


def test_before_eight_blocks_nothing_is_decided_and_no_interval_has_ends():
    records, told = scripted({"a": 0.2}, blocks=7), plan(["a"], until_decided=True)
    assert not decided(told, records)
    assert decided(told, scripted({"a": 0.2}, blocks=8))
    found = judge(told, records)
    assert found["comparisons"][0]["ci"] == [None, None]
    json.dumps(found, allow_nan=False)


def test_arms_that_only_serve_the_dose_response_are_no_candidates():
    configs = {n: LossConfig(encoder_loss_weight=w) for n, w in (("baseline", 0.05), ("mid", 0.02), ("w=0.3", 0.3))}
    told = Plan(SPEC, configs, "final_performance", 0.01, [], 8, doses={"baseline": 0.05, "mid": 0.02, "w=0.3": 0.3})
    assert told.candidates == ["mid"]


def test_a_plan_survives_the_storage_and_any_change_changes_its_fingerprint():
    told = plan(["a"], [("x", "a", "speed", 1, 2)], doses={"a": 0.5}, ladder=["baseline", "a"])
    again = Plan.from_data(json.loads(json.dumps(told.as_data())))
    assert again == told
    assert again.fingerprint() == told.fingerprint()
    others = [
        plan(["a"]),
        plan(["b"]),
        plan(["a"], seeds=11),
        plan(["a"], margin=0.02),
        plan(["a"], until_decided=True),
    ]
    assert len({p.fingerprint() for p in [told, *others]}) == 6


# Designs


def quadratic(blocks=12, spread=0.002, sign=1.0):
    """A response that is best at dose 0.04 and falls by 1 point a hundredth squared."""
    rng = np.random.default_rng(1)
    doses = {f"w={d:g}": d for d in (0.01, 0.02, 0.022, 0.03, 0.04, 0.05, 0.06, 0.1)}
    level = 0.8 + 0.05 * rng.normal(size=blocks)
    response = {a: sign * (level - 100 * (d - 0.04) ** 2 + spread * rng.normal(size=blocks)) for a, d in doses.items()}
    return response, doses


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_dose_response_finds_the_doses_within_the_margin(direction, sign):
    values, doses = quadratic(sign=sign)
    found = designs.dose_response(values, dict(reversed(doses.items())), 0.02, direction)
    assert [d["dose"] for d in found] == sorted(doses.values())
    # 100 (d - 0.04)^2 <= 0.02 for |d - 0.04| <= 0.014
    assert [d["dose"] for d in found if d["within_margin"]] == [0.03, 0.04, 0.05]
    assert [d["dose"] for d in found if d["surely_within"]] == [0.03, 0.04, 0.05]
    assert [d["dose"] for d in found if d["best"]] == [0.04]
    assert [d["dose"] for d in found if d["clearly_worse"]] == [0.01, 0.02, 0.022, 0.06, 0.1]
    far = found[-1]
    assert far["difference"] == pytest.approx(-0.36 * sign, abs=0.005)
    assert far["difference_ci"][0] < far["difference"] < far["difference_ci"][1]
    # Paired: the blocks' own levels are in the interval of the mean, not in that of the difference.
    assert far["ci"][1] - far["ci"][0] > 5 * (far["difference_ci"][1] - far["difference_ci"][0])
    assert far["mean"] == pytest.approx(float(values["w=0.1"].mean()))


def test_dose_response_is_not_clear_where_noise_is_as_large():
    values, doses = quadratic(spread=0.2)
    found = designs.dose_response(values, doses, 0.02, "maximize")
    near = [d for d in found if d["dose"] in (0.03, 0.05) and not d["best"]]
    assert near and not any(d["clearly_worse"] or d["surely_within"] for d in near)


def test_ladder_compares_each_step_with_the_one_before():
    rng = np.random.default_rng(2)
    level = rng.normal(size=10)
    values = {n: level + step + 0.01 * rng.normal(size=10) for n, step in (("a", 0.0), ("b", 0.3), ("c", 0.2))}
    pairs = [("b", "a"), ("b", "c")]  # the first the other way round, as where the baseline is in the middle
    family = statistics.simultaneous({(x, y): values[y] - values[x] for x, y in pairs}, rng)
    up, down = designs.ladder(["a", "b", "c"], family)
    assert (up["from"], up["to"], down["from"], down["to"]) == ("a", "b", "b", "c")
    assert up["difference"] == pytest.approx(0.3, abs=0.02)
    assert down["difference"] == pytest.approx(-0.1, abs=0.02)
    for step in (up, down):
        assert step["ci"][0] < step["difference"] < step["ci"][1]
        assert step["ci"][1] - step["ci"][0] < 0.05
    assert designs.ladder([], family) == designs.ladder(["a"], family) == []


@pytest.mark.parametrize("extra", [0.0, -0.15])
def test_interaction_is_what_both_do_beyond_the_sum(extra):
    rng = np.random.default_rng(3)
    level = rng.normal(size=12)
    means = {"base": 0.0, "w": 0.1, "s": 0.2, "both": 0.3 + extra}
    values = {name: level + mean + 0.01 * rng.normal(size=12) for name, mean in means.items()}
    arms = {n: LossConfig(encoder_loss_weight=0.1 + i) for i, n in enumerate(means)}
    factorial = {"first": "w", "second": "s", "both": "both"}
    family = designs.contrasts(Plan(SPEC, arms, "final_performance", 0.01, [], 12, factorial=factorial), values)
    found = designs.interaction("base", "w", "s", "both", family)
    assert found["effect_first"] == pytest.approx(0.1, abs=0.02)
    assert found["effect_second"] == pytest.approx(0.2, abs=0.02)
    assert found["effect_both"] == pytest.approx(0.3 + extra, abs=0.02)
    assert found["interaction"] == pytest.approx(extra, abs=0.02)
    assert (found["ci"][0] <= 0 <= found["ci"][1]) == (extra == 0)
    assert (found["first"], found["second"], found["both"]) == ("w", "s", "both")


def test_judge_hands_the_designs_what_the_plan_names():
    effects = {"w": 0.02, "s": 0.03, "ws": 0.05}
    factorial = {"first": "w", "second": "s", "both": "ws"}
    doses = {"baseline": 0.0, "w": 0.5, "ws": 1.0}
    found = judge(plan(effects, doses=doses, ladder=["baseline", "w", "ws"], factorial=factorial), scripted(effects))
    assert [d["difference"] for d in found["dose_response"]] == pytest.approx([-0.05, -0.03, 0.0])
    assert [s["difference"] for s in found["ladder"]] == pytest.approx([0.02, 0.03])
    assert found["factorial"]["interaction"] == pytest.approx(0, abs=1e-9)
    none = judge(plan(effects), scripted(effects))
    assert (none["dose_response"], none["ladder"], none["factorial"]) == ([], [], None)

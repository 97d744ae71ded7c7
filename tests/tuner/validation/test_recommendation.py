"""The shipped recommendation against the tables of the document it renders, and files of users' own."""

import pytest

from trainer.config import LossConfig
from tuner.errors import InputError
from tuner.spec.config_file import config_file
from tuner.validation import recommendation
from tuner.validation.measures import METRICS

BY_CHANGE = [
    # change, metric, claimed low, claimed high; "slower by < 5%" is -5 or more, "changes by < 3%" within 3 of 0
    ("weight", "speed", 15, 20),
    ("weight", "stability", 25, 35),
    ("weight", "final_performance", 1, 2),
    ("smooth_l1", "stability", 30, 40),
    ("smooth_l1", "gradient_stability", 25, 35),
    ("smooth_l1", "training_stability", 20, 30),
    ("smooth_l1", "speed", -5, 100),
    ("gate_reg", "gradient_stability", 20, 30),
    ("gate_reg", "training_stability", 15, 25),
    ("gate_reg", "final_performance", 1, 2),
    ("gate_reg", "speed", -3, 3),
    ("adaptive", "speed", 10, 15),
    ("adaptive", "training_stability", 15, 20),
    ("adaptive", "final_performance", 1, 2),
    ("focal", "final_performance", 2, 3),
    ("focal", "minority_performance", 5, 10),
    ("focal", "convergence_quality", 10, 15),
    ("focal", "speed", -5, 100),
]
BY_PLAN = {
    "basic": {
        "speed": (15, 25),
        "stability": (30, 40),
        "final_performance": (1, 2),
        "training_loss": (10, 20),
        "training_fluctuation": (20, 30),
    },
    "full": {
        "speed": (20, 30),
        "stability": (40, 50),
        "final_performance": (2, 3),
        "training_loss": (15, 25),
        "training_fluctuation": (30, 40),
    },
    "advanced": {"speed": (20, 30), "stability": (40, 50), "final_performance": (3, 5)},
}
LOSSES = {1: (5.0, 4.5, 4.5), 10: (2.0, 1.5, 1.4), 30: (0.8, 0.6, 0.55), 50: (0.5, 0.4, 0.35)}
"""epoch: original, basic, full"""
FLUCTUATION = {"basic": 30, "full": 40}
"""the last row of the same table"""
BY_PHASE = [
    ("area_early", 15, 20),
    ("stability_early", 25, 35),
    ("area_middle", 10, 15),
    ("stability_middle", 20, 30),
    ("final_performance", 1, 3),
    ("convergence_quality", 15, 25),
]


@pytest.fixture(scope="module")
def shipped():
    return recommendation.load()


def claimed(shipped, baseline, candidate, metric):
    return [c.claimed for c in shipped.claims if (c.baseline, c.candidate, c.metric) == (baseline, candidate, metric)]


@pytest.mark.parametrize(("change", "metric", "low", "high"), BY_CHANGE)
def test_every_row_by_change_is_a_claim(shipped, change, metric, low, high):
    # The original has gate regularisation already; the claim is on adding it.
    baseline, candidate = ("no_gate_reg", "baseline") if change == "gate_reg" else ("baseline", change)
    assert (low, high) in claimed(shipped, baseline, candidate, metric)


@pytest.mark.parametrize(
    ("baseline", "candidate", "metric"),
    [("baseline", "weight", "reconstruction"), ("no_gate_reg", "baseline", "gate_saturation")],
)
def test_yes_or_no_claims_are_ranges_that_hold_no_change(shipped, baseline, candidate, metric):
    ((low, high),) = claimed(shipped, baseline, candidate, metric)
    assert low <= 0 < high


@pytest.mark.parametrize(("plan", "metric"), [(p, m) for p, row in BY_PLAN.items() for m in row])
def test_every_row_by_plan_is_a_claim(shipped, plan, metric):
    assert BY_PLAN[plan][metric] in claimed(shipped, "baseline", plan, metric)


@pytest.mark.parametrize("epoch", LOSSES)
@pytest.mark.parametrize(("column", "plan"), [(1, "basic"), (2, "full")])
def test_the_table_of_losses_is_claims(shipped, epoch, column, plan):
    original, new = LOSSES[epoch][0], LOSSES[epoch][column]
    ((low, high),) = claimed(shipped, "baseline", plan, f"training_loss@{epoch}")
    assert low == high == pytest.approx(100 * (1 - new / original), abs=0.5)


@pytest.mark.parametrize(("plan", "fall"), FLUCTUATION.items())
def test_the_fluctuation_of_the_table_of_losses_is_a_claim(shipped, plan, fall):
    assert (fall, fall) in claimed(shipped, "baseline", plan, "training_fluctuation")


@pytest.mark.parametrize(("metric", "low", "high"), BY_PHASE)
def test_every_row_by_phase_is_a_claim(shipped, metric, low, high):
    assert (low, high) in claimed(shipped, "baseline", "full", metric)


def test_there_is_no_claim_that_the_document_does_not_make(shipped):
    plans = sum(map(len, BY_PLAN.values()))
    # Two of an early unsteadiness, and plan B's again without its optional adaptive weights.
    plans += 2 + len(BY_PLAN["full"])
    assert len(shipped.claims) == len(BY_CHANGE) + 2 + plans + 2 * len(LOSSES) + len(FLUCTUATION) + len(BY_PHASE)
    assert len({c.id for c in shipped.claims}) == len(shipped.claims)


def test_the_arms_are_what_the_document_says(shipped):
    arms = shipped.configs()
    assert next(iter(arms)) == "baseline"
    original = LossConfig(encoder_loss_weight=0.05, reconstruction_loss="mse", gate_reg_weight=0.01)
    assert arms["baseline"] == original
    assert arms["weight"] == original.replace(encoder_loss_weight=0.03)
    assert arms["smooth_l1"] == original.replace(reconstruction_loss="smooth_l1")
    assert arms["smooth_l1_matched"] == arms["smooth_l1"].replace(encoder_loss_weight=0.1)
    assert arms["no_gate_reg"] == original.replace(gate_reg_weight=0.0)
    assert arms["adaptive"] == original.replace(weighting="ema_inverse")
    assert arms["warmup"] == original.replace(weighting="warmup", warmup_epochs=5)
    assert arms["focal"] == original.replace(classification_loss="focal", focal_gamma=2.0)
    assert arms["basic"] == original.replace(encoder_loss_weight=0.03, reconstruction_loss="smooth_l1")
    assert arms["full"] == arms["basic"].replace(weighting="ema_inverse")
    assert arms["advanced"] == arms["full"].replace(classification_loss="focal", focal_gamma=2.0)
    assert len(set(map(str, arms.values()))) == len(arms) == 11


def test_the_doses_reuse_the_arms_that_are_there(shipped):
    doses = shipped.doses()
    assert doses["weight"][0] == 0.03
    assert doses["baseline"][0] == 0.05
    assert {0.0, 0.01, 0.1} <= {dose for dose, _ in doses.values()}
    assert doses["encoder_loss_weight=0.01"][1] == LossConfig(encoder_loss_weight=0.01)


TEN_LINES = """\
baseline: {encoder_loss_weight: 0.05}
margin: 0.02
plans:
  mine: {encoder_loss_weight: 0.2, focal_gamma: 2}
claims:
  - {id: quick, candidate: mine, metric: speed, claimed: [10, 20]}
  - id: lower
    candidate: mine
    metric: training_loss@5
    claimed: [5, 100]
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return recommendation.load(path)

    return load


def test_a_file_of_ones_own_takes_ten_lines(load):
    told = load(TEN_LINES)
    assert len(TEN_LINES.splitlines()) == 10
    assert told.margin == 0.02
    assert told.primary == "final_performance"
    assert told.configs()["mine"] == LossConfig(encoder_loss_weight=0.2, classification_loss="focal", focal_gamma=2.0)
    assert told.doses() == {}
    assert [(c.id, c.baseline, c.claimed) for c in told.claims] == [
        ("quick", "baseline", (10, 20)),
        ("lower", "baseline", (5, 100)),
    ]


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("metric: speed", "metric: sped"), 6, ["claim quick", "'sped'", "speed", "stability"]),
        (("metric: training_loss@5", "metric: training_loss@0"), 7, ["claim lower", "training_loss@0"]),
        (("candidate: mine, ", "candidate: main, "), 6, ["claim quick", "'main'", "mine"]),
        (("id: quick, ", "id: quick, baseline: nobody, "), 6, ["claim quick", "'nobody'", "baseline"]),
        (("id: quick, ", "id: quick, baseline: mine, "), 6, ["claim quick", "same arm"]),
        (("[10, 20]", "[20, 10]"), 6, ["claim quick", "low before high", "20", "10"]),
        (("[10, 20]", "[.nan, 10]"), 6, ["claim quick", "finite"]),
        (("[10, 20]", "[10]"), 6, ["claims.0.claimed"]),
        (("[10, 20]", "ten"), 6, ["claims.0.claimed", "ten"]),
        (("focal_gamma: 2", "focal_gama: 2"), 4, ["mine", "'focal_gama'", "focal_gamma"]),
        (("focal_gamma: 2", "focal_gamma: -2"), 4, ["mine", "focal_gamma", "-2"]),
        (("{encoder_loss_weight: 0.05}", "{encoder_loss_weight: x}"), 1, ["baseline", "encoder_loss_weight", "x"]),
        (("margin: 0.02", "margins: 0.02"), 2, ["'margins'", "margin"]),
        (("margin: 0.02", "margin: 0"), 2, ["margin", "greater than 0"]),
        (("margin: 0.02", "margin: .inf"), 2, ["margin", "finite"]),
        (("margin: 0.02", "primary: f1"), 2, ["primary", "'f1'", "final_performance"]),
        (("metric: speed", "metric: speed, note: x"), 6, ["claims.0", "'note'", "candidate"]),
        (("    candidate: mine\n", ""), 7, ["candidate", "required"]),
        (("margin: 0.02", "ladder: [baseline, mein]"), 2, ["ladder", "'mein'", "mine"]),
        (("margin: 0.02", "factorial: {first: mine, second: x, both: mine}"), 2, ["factorial", "'x'", "mine"]),
        (("margin: 0.02", "dose_response: {knob: weigt, values: [0, 1]}"), 2, ["dose_response", "'weigt'"]),
        (("margin: 0.02", "dose_response: {knob: gate_reg_weight, values: [0]}"), 2, ["dose_response.values"]),
        (("margin: 0.02", "dose_response: {knob: gate_reg_weight, values: [0, -1]}"), 2, ["dose_response", "-1"]),
        (("  mine: {", "  twin: {}\n  mine: {"), 4, ["twin", "same configuration", "baseline"]),
        (("  mine: {", "  'null': {gate_reg_weight: 1}\n  mine: {"), 4, ["null", "taken"]),
        (("  mine: {", "  baseline: {gate_reg_weight: 1}\n  mine: {"), 4, ["baseline", "taken"]),
        (("margin: 0.02", "arms: {mine: {gate_reg_weight: 1}}"), 2, ["mine", "plan and an arm"]),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(load, change, line, said):
    assert TEN_LINES.count(change[0]) == 1 or change[0] == "    candidate: mine\n"
    with pytest.raises(InputError) as error:
        load(TEN_LINES.replace(*change))
    where, _, message = str(error.value).partition(": ")
    assert where.endswith(f"mine.yaml:{line}")
    assert [word for word in said if word not in message] == []
    assert len(str(error.value).splitlines()) == 1


def test_an_unknown_metric_lists_all_that_there_are(load):
    with pytest.raises(InputError) as error:
        load(TEN_LINES.replace("metric: speed", "metric: f2"))
    assert [name for name in METRICS if name not in str(error.value)] == []


def test_two_mistakes_are_two_lines(load):
    with pytest.raises(InputError) as error:
        load(TEN_LINES.replace("speed", "sped").replace("training_loss@5", "lose"))
    assert [text.partition(": ")[0].rpartition(":")[2] for text in str(error.value).splitlines()] == ["6", "7"]


def test_files_that_are_none(load, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        recommendation.load(tmp_path / "nothing.yaml")
    with pytest.raises(InputError, match=r"mine.yaml:1 is not valid YAML"):
        load("claims: [")
    with pytest.raises(InputError, match="expected a mapping"):
        load("- one")


def test_config_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("encoder_loss_weight: 0.02\nprovenance: {study: s}\n")
    assert config_file(path) == LossConfig(encoder_loss_weight=0.02)
    for text, said in (("weight: 1", "'weight'"), ("encoder_loss_weight: -1", "-1"), ("encoder_loss_weight: [1]", "1")):
        path.write_text(text)
        with pytest.raises(InputError, match="c.yaml") as error:
            config_file(path)
        assert said in str(error.value)

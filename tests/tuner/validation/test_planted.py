"""Planted truths, with real training on small synthetic data: the verdict finds what is there, and nothing else."""

import planted
import pytest
import torch

from tuner.spec.model import Spec
from tuner.validation.blocks import run_block
from tuner.validation.plan import Plan
from tuner.validation.recommendation import Recommendation
from tuner.validation.verdict import judge

SEEDS = 10
WEIGHT = "encoder_loss_weight"
TRUTHS = {
    planted.scarce_labels: ({WEIGHT: 0.05}, {"larger": {WEIGHT: 10.0}}, {}),
    planted.distraction: ({WEIGHT: 0.05}, {"larger": {WEIGHT: 30.0}}, {}),
    planted.plain: ({WEIGHT: 0.05}, {"smaller": {WEIGHT: 0.03}}, {"batch_size": 64}),
    planted.outliers: (
        {WEIGHT: 20.0},
        {
            "smooth_l1": {WEIGHT: 20.0, "reconstruction_loss": "smooth_l1"},
            "smooth_l1_matched": {WEIGHT: 40.0, "reconstruction_loss": "smooth_l1"},
        },
        {},
    ),
    planted.rare: ({WEIGHT: 0.05}, {"focal": {WEIGHT: 0.05, "focal_gamma": 2.0}}, {"learning_rate": 3e-3}),
}
"""Data to baseline, arms and what differs in the training."""
PRIMARY = {planted.rare: "minority_performance"}


def make_plan(data, folder, seed=0):
    baseline, arms, training = TRUTHS[data]
    path = folder / f"{data.__name__}.npz"
    data(path)
    spec = {
        "data": {"source": "npz", "path": str(path)},
        "seed": seed,
        "model": {"hidden": 16, "view_width": 4, "dropout": 0.1},
        "training": {"epochs": 8, "batch_size": 32, "learning_rate": 1e-2, "conflict_every": 0, **training},
        "knobs": {WEIGHT: {"low": 0.01, "high": 0.1}},
    }
    configs = Recommendation.model_validate({"baseline": baseline, "arms": arms}).configs()
    return Plan(Spec.model_validate(spec), configs, PRIMARY.get(data, "final_performance"), 0.01, [], SEEDS)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Comparisons by data and candidate, trained once."""
    torch.set_num_threads(1)
    told = {}

    def find(data):
        if data not in told:
            plan = make_plan(data, tmp_path_factory.mktemp("planted"))
            blocks = [run_block(plan, i, "cpu") for i in range(SEEDS)]
            records = {name: [block[name] for block in blocks] for name in blocks[0]}
            told[data] = {c["candidate"]: c for c in judge(plan, records)["comparisons"]}
        return told[data]

    return find


def test_a_larger_weight_helps_where_labels_are_scarce(found):
    c = found(planted.scarce_labels)["larger"]
    assert c["verdict"] == "better", c


def test_a_larger_weight_hurts_where_a_reconstruction_distracts(found):
    c = found(planted.distraction)["larger"]
    assert c["verdict"] == "worse", c


def test_a_weight_that_does_not_matter_is_equivalent(found):
    c = found(planted.plain)["smaller"]
    assert c["verdict"] == "equivalent", c


def test_smooth_l1_helps_where_there_are_outliers_and_not_by_its_scale_alone(found):
    both = found(planted.outliers)
    assert both["smooth_l1"]["verdict"] == "better", both["smooth_l1"]
    assert both["smooth_l1_matched"]["verdict"] == "better", both["smooth_l1_matched"]


def test_the_focal_loss_helps_rare_classes_where_training_ends_early(found):
    c = found(planted.rare)["focal"]
    assert c["verdict"] == "better", c


@pytest.mark.parametrize("data", TRUTHS)
def test_the_baseline_against_itself_is_neither_better_nor_worse(found, data):
    c = found(data)["null"]
    assert c["verdict"] in ("equivalent", "inconclusive"), c
    assert c["difference"] != 0  # other noise: a comparison of a run with itself would show nothing


def test_a_block_repeats_exactly_and_reports_its_progress(tmp_path):
    plan = make_plan(planted.plain, tmp_path)
    short = plan.spec.model_copy(update={"training": plan.spec.training.__class__(epochs=2, batch_size=64)})
    small = Plan(short, {"baseline": plan.arms["baseline"]}, plan.primary, plan.margin, [], 1)
    steps = []
    assert run_block(small, 4, "cpu", lambda *told: steps.append(told)) == run_block(small, 4, "cpu")
    assert steps == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]
    assert run_block(small, 5, "cpu") != run_block(small, 4, "cpu")

"""Planted truths, with real training on small synthetic data: verdict finds what is there, and nothing else."""

import numpy as np
import pytest

from tuner.spec import Spec
from tuner.validation.blocks import run_block
from tuner.validation.plan import Plan
from tuner.validation.recommendation import Recommendation
from tuner.validation.verdict import judge

SEEDS = 8
ARMS = {"heavy": {"encoder_loss_weight": 30.0}, "twin": {"gate_reg_weight": 0.0100001}}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Weak classes in two views, beside columns that only cost a reconstruction its attention."""
    rng = np.random.default_rng(3)
    n = 200
    y = np.arange(n) % 4
    signal = 0.9 * rng.normal(size=(4, 6))[y] + rng.normal(size=(n, 6))
    distraction = 3 * rng.normal(size=(n, 4)) @ rng.normal(size=(4, 12))
    path = tmp_path_factory.mktemp("planted") / "planted.npz"
    np.savez(path, view_a=np.hstack([signal[:, :3], distraction]), view_b=signal[:, 3:], y=y)
    spec = {
        "data": {"source": "npz", "path": str(path)},
        "model": {"hidden": 16, "view_width": 4},
        "training": {"epochs": 10, "batch_size": 32, "learning_rate": 1e-2, "conflict_every": 0},
        "knobs": {"encoder_loss_weight": {"low": 0.01, "high": 0.1}},
    }
    arms = Recommendation.model_validate({"arms": ARMS}).configs()
    return Plan(Spec.model_validate(spec), arms, "final_performance", 0.01, [], SEEDS)


@pytest.fixture(scope="module")
def found(plan):
    import torch

    torch.set_num_threads(1)
    blocks = [run_block(plan, i, "cpu") for i in range(SEEDS)]
    records = {name: [block[name] for block in blocks] for name in blocks[0]}
    return judge(plan, records)


def verdict(found, candidate):
    return next(c for c in found["comparisons"] if c["candidate"] == candidate)


def test_a_weight_that_drowns_the_classification_is_worse(found):
    c = verdict(found, "heavy")
    assert c["verdict"] == "worse", c
    assert c["ci"][1] < 0


def test_what_makes_no_difference_is_neither_better_nor_worse(found):
    c = verdict(found, "twin")
    assert c["verdict"] in ("equivalent", "inconclusive"), c


def test_the_baseline_against_itself_is_neither_better_nor_worse(found):
    c = verdict(found, "null")
    assert c["verdict"] in ("equivalent", "inconclusive"), c
    assert c["difference"] != 0  # other noise: a comparison of a run with itself would show nothing


def test_a_block_repeats_exactly_and_reports_its_progress(plan):
    short = plan.spec.model_copy(update={"training": plan.spec.training.__class__(epochs=2, batch_size=64)})
    small = Plan(short, {"baseline": plan.arms["baseline"]}, plan.primary, plan.margin, [], 1)
    steps = []
    assert run_block(small, 4, "cpu", lambda *told: steps.append(told)) == run_block(small, 4, "cpu")
    assert steps == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]
    assert run_block(small, 5, "cpu") != run_block(small, 4, "cpu")

import math

import numpy as np
import pytest
import torch

from trainer.member import StepLog, rate_factor
from trainer.metrics import divergence, gradient_metrics, step_metrics


def test_gradient_metrics_by_hand():
    found = gradient_metrics(np.array([1.0, 1.0, 2.0, 40.0]), clip_norm=2.0)
    std = math.sqrt((2 * 10**2 + 9**2 + 29**2) / 4)
    assert found == pytest.approx(
        {
            "grad/norm_mean": 11.0,
            "grad/norm_std": std,
            "grad/norm_cv": std / 11,
            "grad/norm_max": 40.0,
            "grad/clipped_share": 0.25,
            "grad/explosions": 1.0,
        }
    )


def test_step_metrics_are_means_over_the_steps():
    log = StepLog()
    for total, weight in ((3.0, 0.5), (5.0, torch.tensor(1.5))):
        terms = {"classification": total, "reconstruction_global": 0.25 * total, "reconstruction_inter": 0.75 * total}
        weights = {"classification": 1.0, "reconstruction": weight}
        log.add(torch.tensor(total), torch.tensor(1.0), {n: torch.tensor(t) for n, t in terms.items()}, weights, 0.01)
    log.conflicts = [torch.tensor([0.5, math.nan, 2.0]), torch.tensor([math.nan, math.nan, 4.0])]
    metrics, norms = step_metrics(log.steps(), 5.0)
    expected = {
        "loss/classification": 4.0,
        "loss/reconstruction_global": 1.0,
        "loss/reconstruction_inter": 3.0,
        "loss/reconstruction": 4.0,
        "weight/classification": 1.0,
        "weight/reconstruction": 1.0,
        "weighted/classification": 4.0,
        "weighted/reconstruction": (3 * 0.5 + 5 * 1.5) / 2,  # the mean of the products
        "weighted/total": 4.0,
        "grad/cosine": 0.5,
        "grad/classification_norm": 3.0,
        "learning_rate": 0.01,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert "grad/effective_weight" not in metrics and norms.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["loss/gate", "weighted/total", "train/mse", "val/cross_entropy", "grad/norm_max"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_divergence_names_what_is_not_finite(name, value):
    healthy = {"loss/gate": 1.0, "grad/cosine": math.nan}
    assert divergence(healthy) is None
    assert divergence(healthy | {name: value}) == f"not finite: {name}"


def test_gradient_metrics_of_an_overflow_warn_of_nothing():
    assert gradient_metrics(np.array([1.0, np.inf]), 5.0)["grad/norm_max"] == np.inf


def test_learning_rate_over_the_steps():
    cosine = [rate_factor(step, 100, "cosine") for step in range(100)]
    assert cosine[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert cosine[10] == 1.0 and cosine[55] == pytest.approx(0.5) and cosine[-1] < 0.001
    assert np.all(np.diff(cosine[10:]) < 0)
    assert [rate_factor(step, 100, "constant") for step in (0, 50, 99)] == [1.0] * 3

import math

import numpy as np
import pytest

from trainer.convergence import (
    PHASES,
    area_under,
    epochs_to,
    fluctuation,
    gradient_stability,
    local_residuals,
    measures,
    restricted_mean,
    speed,
    speed_target,
)
from trainer.objective import Objective

STEPS = np.arange(50)
SMOOTH = np.exp(1.0 - 0.1 * STEPS + 0.001 * STEPS**2)


def noisy(sd, n=50, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(1.0 - 3.0 * np.arange(n) / n + sd * rng.normal(size=n))


def test_epochs_count_from_1_and_are_censored_at_the_budget():
    rising = [0.1, 0.5, 0.8, 0.7, 0.9]
    assert epochs_to(rising, 0.8, 30) == (3, True)
    assert epochs_to(rising, 0.05, 30) == (1, True)
    assert epochs_to(rising, 0.95, 30) == (30, False)
    assert epochs_to([2.0, 1.0, 0.5], 1.0, 30, "minimize") == (2, True)
    assert epochs_to([2.0, math.nan, 0.5], 1.0, 30, "minimize") == (3, True)
    assert epochs_to([], 0.5, 30) == (30, False)


def test_speed_is_to_95_percent_of_the_baselines_best():
    f1, entropy = Objective(), Objective("cross_entropy")
    assert speed_target(0.8) == pytest.approx(0.76) and speed_target(0.95, "minimize") == pytest.approx(1.0)
    reached = {"convergence/epochs_to_95": 2.0, "convergence/reached_95": 1.0}
    assert speed([0.7, 0.77, 0.8], 0.8, f1, 9) == reached
    assert speed([1.2, 0.99, 0.8], 0.95, entropy, 9) == reached
    assert speed([0.7, 0.75], 0.8, f1, 9) == {"convergence/epochs_to_95": 9.0, "convergence/reached_95": 0.0}


def test_area():
    assert area_under([0.0, 0.25, 0.5, 0.75, 1.0]) == 0.5
    assert area_under([0.0, 1.0, 1.0]) == 0.75
    assert area_under([0.4] * 7) == pytest.approx(0.4)
    assert area_under([0.3]) == 0.3 and math.isnan(area_under([]))


@pytest.mark.parametrize("scale", [1e-3, 0.6, 1e4])
def test_fluctuation_does_not_change_when_the_loss_is_rescaled(scale):
    curve = noisy(0.1)
    for phase in (None, *PHASES):
        assert fluctuation(scale * curve, phase) == pytest.approx(fluctuation(curve, phase), rel=1e-9)


@pytest.mark.parametrize("sd", [0.02, 0.2])
def test_fluctuation_is_the_standard_deviation_of_the_noise(sd):
    found = np.mean([fluctuation(noisy(sd, 200, seed)) for seed in range(10)])
    assert found == pytest.approx(sd, rel=0.06)


def test_a_smooth_curve_does_not_fluctuate():
    assert fluctuation(SMOOTH) < 1e-10 and np.abs(local_residuals(np.log(SMOOTH))).max() < 1e-10


def test_fluctuation_is_undefined_for_few_epochs_and_below_0():
    # Uncertainty weighting's total may go below 0, where there is no log and so no relative wobble.
    for curve in ([1.0, 0.9, 0.8, 0.7], [1.0, 0.5, 0.1, -0.1, -0.2, -0.3], [1.0, math.nan, 0.5, 0.4, 0.3, 0.2]):
        assert math.isnan(fluctuation(curve))
    assert math.isfinite(fluctuation([1.0, 0.9, 0.8, 0.7, 0.65, 0.6, 0.55]))


def test_phases_are_the_recommendations_of_50_epochs():
    curve = noisy(0.1)
    residuals = local_residuals(np.log(curve))  # the first is of epoch 3
    expected = {"early": residuals[1:8], "middle": residuals[8:28], "late": residuals[28:], None: residuals[10:]}
    for phase, part in expected.items():
        assert fluctuation(curve, phase) == pytest.approx(np.sqrt((part**2).mean()))


@pytest.mark.parametrize("tau", [0.3, 0.5, 1, 2, 5, 20])
@pytest.mark.parametrize("epochs", [12, 50, 100])
def test_a_decay_without_noise_does_not_fluctuate_however_steep(tau, epochs):
    """Once the trend leaked into the residual: .102, .052 and .009 at tau .5, 1 and 2."""
    curve = 0.25 + np.exp(-np.arange(epochs) / tau)
    for log in (True, False):
        assert fluctuation(curve, log=log) < 0.002
        assert fluctuation(curve, "late", log=log) < 0.001
        assert epochs < 50 or fluctuation(curve, "early", log=log) < 0.012


def test_fluctuation_does_not_depend_on_the_runs_length():
    sizes = [np.mean([fluctuation(noisy(0.05, n, seed)) for seed in range(200)]) for n in (10, 25, 50, 100)]
    assert max(sizes) < 1.15 * min(sizes)


def test_log_and_absolute_fluctuation_disagree_where_only_the_level_differs():
    noise = 0.01 * np.random.default_rng(0).normal(size=50)
    low, high = 0.1 + noise, 1.0 + noise
    assert fluctuation(low, log=False) == pytest.approx(fluctuation(high, log=False))
    assert fluctuation(low) > 5 * fluctuation(high)


def test_the_restricted_mean_is_a_time():
    epochs = np.arange(1, 101)
    found = [restricted_mean(1 - np.exp(-epochs / tau), 0.0, 0.95) for tau in (4, 8)]
    assert found[1] / found[0] == pytest.approx(2, rel=0.12)
    falling = restricted_mean(np.exp(-epochs / 4), 1.0, 0.05, "minimize")
    assert falling == pytest.approx(found[0])
    assert restricted_mean([0.2] * 10, 0.2, 0.9) == 10
    assert math.isnan(restricted_mean([0.5, 0.6], 0.5, 0.5))


def test_noise_is_no_speed():
    """First touch of a target took 20 epochs without noise and 14 with .04: luck, taken for speed."""
    clean = 0.9 * (1 - np.exp(-np.arange(1, 51) / 6))
    noises = 0.04 * np.random.default_rng(0).normal(size=(100, 50))
    touches = np.mean([epochs_to(clean + noise, 0.95 * 0.9, 50)[0] for noise in noises])
    means = np.mean([restricted_mean(clean + noise, 0.0, 0.95 * 0.9) for noise in noises])
    exact = restricted_mean(clean, 0.0, 0.95 * 0.9)
    assert touches < epochs_to(clean, 0.95 * 0.9, 50)[0] - 2
    assert means == pytest.approx(exact, rel=0.03)


def test_late_noise_is_late():
    curve = SMOOTH.copy()
    curve[40:] *= np.exp(0.2 * np.random.default_rng(0).normal(size=10))
    assert fluctuation(curve, "early") < 1e-10 < 0.01 < fluctuation(curve, "late")


def test_a_planted_explosion_is_found():
    norms = np.ones(300)
    norms[[150, 250]] = 10.5, 9.5
    found = gradient_stability(norms, clip_norm=5.0)
    assert found["explosion_share"] == 1 / 300
    assert found["clipped_share"] == 2 / 300
    assert found["gradient_cv"] == pytest.approx(norms.std() / norms.mean())


def test_an_explosion_is_relative_to_the_steps_before_it():
    # A level that falls or rises tenfold does not explode; one that grows a hundredfold does, however smoothly.
    for level in (np.geomspace(100, 1, 400), np.geomspace(1, 9, 400)):
        assert gradient_stability(level, 1e9)["explosion_share"] == 0
    assert gradient_stability(np.geomspace(1, 100, 400), 1e9)["explosion_share"] > 0.2
    norms = np.repeat([1.0, 50.0], 200)
    assert gradient_stability(norms, 1e9)["explosion_share"] > 0


def test_gradient_stability_of_constant_and_of_no_gradients():
    expected = {"gradient_cv": 0.0, "explosion_share": 0.0, "clipped_share": 0.0}
    assert gradient_stability(np.full(20, 3.0), 5.0) == expected
    assert gradient_stability(np.zeros(20), 5.0) == expected
    assert gradient_stability(np.zeros(0), 5.0) == {}


def curves(epochs=50):
    return {
        "val/weighted_f1": np.linspace(0, 1, epochs).tolist(),
        "val/cross_entropy": noisy(0.05, epochs).tolist(),
        "weighted/total": noisy(0.2, epochs).tolist(),
        "gap/cross_entropy": np.linspace(0, -0.3, epochs).tolist(),
        "grad/cosine": [math.nan, 0.2, *[0.4] * (epochs - 2)],
    }


def test_measures_keep_yardstick_and_naive_apart():
    given = curves()
    found = measures(given, np.ones(100), Objective(), clip_norm=5.0, budget=50)
    assert found == pytest.approx(
        {
            "convergence/area": 0.5,
            "convergence/fluctuation": fluctuation(given["val/cross_entropy"]),
            **{f"convergence/fluctuation_{p}": fluctuation(given["val/cross_entropy"], p) for p in PHASES},
            "convergence/absolute_fluctuation": fluctuation(given["val/cross_entropy"], log=False),
            "convergence/score_fluctuation": pytest.approx(0, abs=1e-12),
            "convergence/naive_fluctuation": fluctuation(given["weighted/total"]),
            "convergence/naive_final_loss": given["weighted/total"][-1],
            "convergence/gradient_cv": 0.0,
            "convergence/explosion_share": 0.0,
            "convergence/clipped_share": 0.0,
            "convergence/overfit_gap": -0.3,
            "convergence/conflict_cosine": (0.2 + 48 * 0.4) / 49,
        }
    )


def test_measures_leave_out_what_is_undefined():
    given = curves(3) | {"grad/cosine": [math.nan] * 3}
    found = measures(given, np.ones(9), Objective(), clip_norm=5.0, budget=3)
    assert not [name for name in found if "fluctuation" in name or "conflict" in name]
    assert found["convergence/area"] == 0.5 and all(math.isfinite(value) for value in found.values())

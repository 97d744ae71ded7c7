import math

import numpy as np
import pytest

from trainer.convergence import (
    PHASES,
    area_under,
    epochs_to,
    fluctuation,
    gradient_stability,
    log_residuals,
    measures,
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
    assert fluctuation(SMOOTH) < 1e-10 and np.abs(log_residuals(SMOOTH)).max() < 1e-10


def test_fluctuation_is_undefined_for_few_epochs_and_below_0():
    # Uncertainty weighting's total may go below 0, where there is no log and so no relative wobble.
    for curve in ([1.0, 0.9, 0.8, 0.7], [1.0, 0.5, 0.1, -0.1, -0.2, -0.3], [1.0, math.nan, 0.5, 0.4, 0.3, 0.2]):
        assert math.isnan(fluctuation(curve))
    assert math.isfinite(fluctuation([1.0, 0.9, 0.8, 0.7, 0.65]))


def test_phases_are_the_recommendations_of_50_epochs():
    curve = noisy(0.1)
    residuals = log_residuals(curve)
    expected = {"early": residuals[:10], "middle": residuals[10:30], "late": residuals[30:]}
    for phase, part in expected.items():
        assert fluctuation(curve, phase) == pytest.approx(part.std())


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
    # A level that rises tenfold and more over the run, but slowly, does not explode.
    assert gradient_stability(np.geomspace(1, 100, 400), 1e9)["explosion_share"] == 0
    norms = np.repeat([1.0, 50.0], 200)
    assert 0 < gradient_stability(norms, 1e9)["explosion_share"] * 400 <= 51


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

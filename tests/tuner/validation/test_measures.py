"""Each metric on records made by hand, whose values are known without a computation."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tuner.validation import blocks, measures
from tuner.validation.measures import Context, context, metric, values

EPOCHS = 10
WOBBLE = np.array([1.0, 1.3, 0.9, 1.2, 0.8, 1.1, 0.95, 1.05, 0.9, 1.0])
FALL = np.exp(-np.arange(EPOCHS) / 4)


def run(**changes):
    """A record of a run that reaches 0.9 at epoch 5."""
    record = {
        "state": "complete",
        "test": {"test/weighted_f1": 0.8, "test/macro_f1": 0.7, "test/accuracy": 0.75},
        "minority_f1": 0.6,
        "curves": {
            "val/weighted_f1": [0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
            "val/cross_entropy": list(FALL * WOBBLE),
            "train/cross_entropy": list(FALL * WOBBLE),
            "weighted/total": list(4 * FALL * WOBBLE),
            "grad/classification_norm": list(FALL * WOBBLE),
            "val/mse": [2.0 - 0.1 * i for i in range(EPOCHS)],
        },
        "gradient_cv": 0.4,
        "gradient_sd": 2.0,
        "explosion_share": 0.02,
        "gate_saturation": 0.3,
    }
    curves = record["curves"] | changes.pop("curves", {})
    return record | changes | {"curves": curves}


DIVERGED = {"state": "diverged", "reason": "epoch 3: not finite", "test": {}, "curves": {}}


def one(record, name, *, naive=False, budget=EPOCHS, baseline=None):
    """The metric of one record against a baseline."""
    found = values({"a": [record]}, name, context([baseline or run()], budget), naive=naive)
    return float(found["a"][0]) if found else None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("final_performance", 0.8),
        ("macro_f1", 0.7),
        ("accuracy", 0.75),
        ("minority_performance", 0.6),
        ("epochs_to_95", 5.0),
        # From 0.1 to 0.9, of which 95% are at 0.86: what is still to go after each of the first five epochs.
        ("speed", 1 + (0.56 + 0.36 + 0.16) / 0.76),
        ("gradient_stability", measures.fluctuation(FALL * WOBBLE)),
        ("training_stability", 0.02),
        ("reconstruction", 1.1),
        ("gate_saturation", 0.3),
        ("training_loss", FALL[-1]),
        ("training_loss@1", 1.0),
        ("training_loss@2", FALL[1] * 1.3),
        ("convergence_quality", (FALL * WOBBLE).min()),
        ("area_early", 0.2),
        ("area_middle", (0.6 + 0.8 + 0.9) / 3),
        ("area_late", 0.9),
    ],
)
def test_metric(name, expected):
    assert one(run(), name) == pytest.approx(expected)


def test_there_is_no_metric_that_these_tests_leave_out():
    assert set(measures.METRICS) == {
        *("final_performance", "macro_f1", "accuracy", "minority_performance", "speed", "stability"),
        *("training_fluctuation", "gradient_stability", "training_stability", "training_loss", "convergence_quality"),
        *("reconstruction", "gate_saturation", "stability_early", "stability_middle", "stability_late"),
        *("area_early", "area_middle", "area_late", "epochs_to_95", "training_fluctuation_absolute"),
        *(n for name in measures.COMPANIONS if name.startswith("stab") for n in (f"{name}_absolute", f"{name}_f1")),
    }
    better_higher = {n for n, m in measures.METRICS.items() if m.higher_is_better}
    scores = {"final_performance", "macro_f1", "accuracy", "minority_performance"}
    assert better_higher == scores | {"area_early", "area_middle", "area_late"}


def test_speed_is_the_first_epoch_at_95_percent_of_the_baselines_mean_best():
    reached = [0.0, 0.0, 0.854, 0.856, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]  # the target is 0.95 * 0.9 = 0.855
    assert one(run(curves={"val/weighted_f1": reached}), "epochs_to_95") == 4


def test_speed_is_censored_at_the_budget():
    assert one(run(curves={"val/weighted_f1": [0.8] * EPOCHS}), "epochs_to_95") == EPOCHS


def test_the_target_is_of_the_baselines_mean_not_of_each_run():
    two = [run(), run(curves={"val/weighted_f1": [0.5] * EPOCHS})]  # mean best 0.7, target 0.665
    found = values({"base": two, "a": [run(), run()]}, "epochs_to_95", context(two, EPOCHS))
    assert found["a"].tolist() == [4, 4]
    assert found["base"].tolist() == [4, EPOCHS]


@pytest.mark.parametrize("scale", [0.5, 3.0])
@pytest.mark.parametrize(
    ("name", "curve"), [("stability", "val/cross_entropy"), ("training_fluctuation", "train/cross_entropy")]
)
def test_stability_does_not_change_with_the_scale_of_the_loss(name, curve, scale):
    plain, scaled = run(), run(curves={curve: list(scale * FALL * WOBBLE)})
    assert one(scaled, name) == pytest.approx(one(plain, name))
    assert one(plain, name) > 0.05
    assert one(run(curves={curve: list(FALL)}), name) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["stability", "training_fluctuation"])
def test_half_the_total_looks_half_as_fluctuating_when_read_naively(name):
    halved = run(curves={"weighted/total": list(2 * FALL * WOBBLE)})
    assert one(halved, name, naive=True) == pytest.approx(one(run(), name, naive=True) / 2)
    assert one(halved, name) == one(run(), name)


@pytest.mark.parametrize("phase", ["early", "middle", "late"])
def test_stability_by_phase_sees_its_own_phase_only(phase):
    start, stop = {"early": (0, 4), "middle": (4, 12), "late": (12, 20)}[phase]
    curve = np.exp(-np.arange(20) / 8)
    wild = curve.copy()
    wild[start:stop:2] *= 1.5
    found = {
        p: one(run(curves={"val/cross_entropy": list(wild)}), f"stability_{p}", budget=20) for p in measures.PHASES
    }
    assert found[phase] == max(found.values()) > 0.05


def test_naive_readings_come_from_the_weighted_total():
    halved = run(curves={"weighted/total": list(2 * FALL * WOBBLE)})
    for name in ("training_loss", "training_loss@1", "convergence_quality"):
        assert one(halved, name, naive=True) == pytest.approx(one(run(), name, naive=True) / 2)
        assert one(halved, name) == one(run(), name)
    assert one(run(), "training_loss@1", naive=True) == pytest.approx(4.0)
    assert one(run(), "gradient_stability", naive=True) == 2.0
    # A total that is half as large is "there" sooner.
    assert one(halved, "speed", naive=True) < one(run(), "speed", naive=True)


@pytest.mark.parametrize("name", ["final_performance", "minority_performance", "reconstruction", "gate_saturation"])
def test_metrics_without_a_naive_reading_have_none(name):
    assert one(run(), name, naive=True) is None


def test_what_a_run_does_not_define_leaves_its_arm_out():
    records = {"base": [run(), run()], "a": [run(), DIVERGED], "b": [run(), run(curves={"train/cross_entropy": [1.0]})]}
    told = context(records["base"], EPOCHS)
    assert values(records, f"training_loss@{EPOCHS + 1}", told) == {}
    assert list(values(records, "training_loss@2", told)) == ["base", "a"]  # b stopped early
    assert list(values(records, "training_loss@1", told)) == ["base", "a", "b"]
    assert list(values(records, "training_loss", told)) == ["base", "a", "b"]  # at its own last epoch
    assert values(records, "stability_early", told) == {}  # a fluctuation over two epochs
    assert list(values(records, "stability_late", told)) == ["base", "a", "b"]


def test_a_value_that_the_storage_kept_as_null_is_no_number():
    curve = [None, *FALL[1:]]
    assert one(run(curves={"train/cross_entropy": curve}), "training_loss") == pytest.approx(FALL[-1])
    records = {"a": [run(curves={"train/cross_entropy": curve})]}
    assert values(records, "training_loss@1", context([run()], EPOCHS)) == {}


@pytest.mark.parametrize(
    ("name", "worst"),
    [
        ("final_performance", 0.0),
        ("minority_performance", 0.0),
        ("area_late", 0.0),
        ("speed", EPOCHS),
        ("training_stability", 1.0),
        ("gate_saturation", 1.0),
        ("training_loss", 7.0),
    ],
)
def test_a_diverged_run_counts_with_the_worst_value(name, worst):
    high = run(curves={"train/cross_entropy": [7.0] * EPOCHS})
    records = {"base": [run(), high], "a": [run(), DIVERGED]}
    found = values(records, name, context(records["base"], EPOCHS))
    assert len(found["a"]) == 2
    assert found["a"][1] == worst
    assert found["a"][0] == one(run(), name)


def test_diverged_in_every_block_is_slower_than_a_baseline_that_converges():
    records = {"base": [run()] * 3, "a": [DIVERGED] * 3}
    found = values(records, "speed", context(records["base"], EPOCHS))
    assert (found["a"] > found["base"]).all()


@pytest.mark.parametrize("name", [*measures.METRICS, "training_loss@3"])
def test_all_runs_diverged_leaves_numbers(name):
    records = {"base": [DIVERGED] * 2, "a": [DIVERGED] * 2}
    told = context(records["base"], EPOCHS)
    assert math.isnan(told.best)
    for naive in (False, True):
        assert all(np.isfinite(v).all() and len(v) == 2 for v in values(records, name, told, naive=naive).values())
    # The baseline alone diverged: the others keep what they have.
    records["a"] = [run()] * 2
    assert all(np.isfinite(v).all() for v in values(records, name, told).values())


def test_context_leaves_diverged_baselines_out():
    told = context([run(), DIVERGED], EPOCHS)
    assert told == Context(0.9, pytest.approx(4 * FALL[-1]), EPOCHS, told.start, told.level)


@pytest.mark.parametrize(("name", "there"), [("speed", True), ("training_loss@7", True), ("sped", False)])
def test_is_metric(name, there):
    assert measures.is_metric(name) is there


@pytest.mark.parametrize("name", ["", "0", "-1", "1.5", "x", "²"])
def test_a_loss_at_no_epoch_is_no_metric(name):
    assert not measures.is_metric(f"training_loss@{name}")


def test_every_metric_says_what_it_is():
    for name in [*measures.METRICS, "training_loss@12"]:
        assert metric(name).what
    assert "12" in metric("training_loss@12").what


def test_rarest_third():
    assert blocks.rarest(np.array([50, 3, 40, 5, 30, 20])) == [1, 3]
    assert blocks.rarest(np.array([9, 2])) == [1]
    assert blocks.rarest(np.array([4, 4, 4])) == [0]


def test_record_of_a_result():
    curves = {name: [1.23456789, 0.5] for name in blocks.CURVES}
    curves |= {f"gate/{g}_saturated": [0.0, share] for g, share in (("temporal", 0.1), ("forget", 0.2), ("input", 0.6))}
    result = SimpleNamespace(
        state="complete",
        reason="",
        best_epoch=2,
        curves=curves | {"grad/effective_weight": [math.nan, 0.02, 0.04]},
        test={"test/weighted_f1": 0.8, "test_f1/a": 0.4, "test_f1/b": 0.6, "test_f1/c": 1.0},
        measures={"convergence/gradient_cv": 0.5, "convergence/explosion_share": 0.01},
        norms=np.array([1.0, 3.0]),
    )
    found = blocks.record(result, ["test_f1/a", "test_f1/b"])
    assert found["minority_f1"] == pytest.approx(0.5)
    assert found["test"] == {"test/weighted_f1": 0.8}
    assert found["gate_saturation"] == pytest.approx(0.3)
    assert found["gradient_sd"] == 1.0
    assert found["effective_weight"] == pytest.approx(0.03)
    assert found["curves"]["val/mse"] == [1.23457, 0.5]
    result.curves = curves  # conflict_every: 0 measures no gradient
    assert blocks.record(result, ["test_f1/a"])["effective_weight"] is None
    result.state, result.reason = "diverged", "epoch 2: loss"
    assert blocks.record(result, ["test_f1/a"]) == {**DIVERGED, "reason": "epoch 2: loss"}

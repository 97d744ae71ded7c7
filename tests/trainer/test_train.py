import numpy as np
import pytest
import torch

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.data import load
from trainer.models.gated_fusion import GatedFusion
from trainer.objective import Objective
from trainer.scores import evaluate
from trainer.tensors import TEST, evaluation_batches, to_tensors
from trainer.train import train

YARDSTICKS = {"cross_entropy", "mse", "mae", "weighted_f1", "macro_f1", "accuracy"}
GATES = ("utterance", "temporal", "forget", "input")
TERMS = {"classification", "reconstruction", "gate", "contrastive"}


def test_the_report_of_an_epoch(tensors, small, short):
    reports = []
    config = LossConfig(contrastive_weight=0.1)
    train([config], tensors(), small, short, seed=0, report=lambda r: reports.extend(r) or ())
    assert [report.epoch for report in reports] == [1, 2, 3, 4]
    gates = {f"{gate}_{what}" for gate in GATES for what in ("mean", "saturated")}
    norm = {"norm_mean", "norm_std", "norm_cv", "norm_max", "clipped_share", "explosions"}
    families = {
        "loss": TERMS | {"reconstruction_global", "reconstruction_inter"},
        "weighted": TERMS | {"total"},
        "weight": TERMS,
        "train": YARDSTICKS,
        "val": YARDSTICKS,
        "val_f1": {"0", "1", "2"},
        "gap": {"cross_entropy", "mse", "weighted_f1"},
        "grad": norm | {"cosine", "effective_weight", "classification_norm"},
        "gate": gates,
    }
    expected = {f"{family}/{name}" for family, found in families.items() for name in found}
    for report in reports:
        metrics = report.metrics
        assert set(metrics) == expected | {"learning_rate", "samples_per_second"} and report.diverged is None
        assert all(isinstance(value, float) and np.isfinite(value) for value in metrics.values())
        weights = [metrics[f"weight/{n}"] for n in ("classification", "reconstruction", "gate", "contrastive")]
        assert weights == pytest.approx([1, 0.05, 0.01, 0.1])
        for term in TERMS:
            product = metrics[f"weight/{term}"] * metrics[f"loss/{term}"]
            assert metrics[f"weighted/{term}"] == pytest.approx(product, rel=1e-6)
        parts = sum(metrics[f"weighted/{term}"] for term in TERMS)
        assert metrics["weighted/total"] == pytest.approx(parts, rel=1e-6)
        halves = metrics["loss/reconstruction_global"] + metrics["loss/reconstruction_inter"]
        assert metrics["loss/reconstruction"] == pytest.approx(halves)
        for name in families["gap"]:
            assert metrics[f"gap/{name}"] == metrics[f"train/{name}"] - metrics[f"val/{name}"]
        assert metrics["samples_per_second"] > 0


def test_a_term_of_weight_0_is_measured_and_not_weighted(tensors, small, short):
    config = LossConfig(encoder_loss_weight=0.0, gate_reg_weight=0.0)
    curves = train([config], tensors(), small, short, seed=0)[0].curves
    assert {name for name in curves if name.startswith("weight")} == {
        "weight/classification",
        "weighted/classification",
        "weighted/total",
    }
    assert curves["weighted/total"] == pytest.approx(curves["loss/classification"], rel=1e-6)
    assert min(curves["loss/reconstruction"]) > 0 and min(curves["loss/gate"]) > 0


def test_warmup_and_rate_follow_the_epochs(tensors, small):
    training = TrainingConfig(epochs=10, batch_size=24)
    config = LossConfig(weighting="warmup", warmup_epochs=2, encoder_loss_weight=1.0)
    curves = train([config], tensors(), small, training, seed=0)[0].curves
    # Three steps an epoch: the first epoch's are at progress 0, 1/3 and 2/3.
    assert curves["weight/reconstruction"] == pytest.approx([1 / 6, 4 / 6, *[1.0] * 8])
    rates = curves["learning_rate"]  # at the last step of each epoch
    assert rates[0] == pytest.approx(2e-3) and rates[-1] < 2e-5 and np.all(np.diff(rates) < 0)


def test_early_stopping_counts_as_complete(tensors, small):
    training = TrainingConfig(epochs=40, batch_size=24, learning_rate=0.03, schedule="constant", early_stopping=3)
    objective = Objective("cross_entropy")
    configs = [LossConfig(), LossConfig(encoder_loss_weight=30.0)]
    results = train(configs, tensors(separation=0.3), small, training, seed=0, objective=objective)
    for result in results:
        assert result.state == "complete" and result.reason == ""
        assert result.epochs == result.best_epoch + 3 < 40
        assert min(result.curves["val/cross_entropy"][-3:]) >= result.best_value
        assert result.test and result.measures and result.model
    assert results[0].epochs != results[1].epochs


@pytest.mark.parametrize("dialogue", [None, np.arange(120) // 5])
def test_test_scores_are_those_of_the_best_epoch(tensors, small, dialogue):
    data = tensors(dialogue=dialogue, separation=0.5)
    training = TrainingConfig(epochs=20, batch_size=24, learning_rate=0.03, schedule="constant")
    (result,) = train([LossConfig()], data, small, training, seed=0, objective=Objective("cross_entropy"))
    assert result.best_epoch < 20
    model = GatedFusion(data.widths, data.n_classes, small, data.context)
    model.load_state_dict(result.model)
    scores = evaluate(model, data, evaluation_batches(data, TEST))
    expected = {f"test/{name}": value for name, value in scores.values.items()}
    expected |= {f"test_f1/{name}": f1 for name, f1 in zip("012", scores.class_f1, strict=True)}
    assert result.test == expected
    validation = evaluate(model, data, evaluation_batches(data, 1)).values
    assert validation["cross_entropy"] == pytest.approx(result.best_value, rel=1e-6)


def test_norms_and_measures_of_a_whole_run(tensors, small):
    training = TrainingConfig(epochs=6, batch_size=24, clip_norm=0.7)
    (result,) = train([LossConfig()], tensors(), small, training, seed=0)
    assert result.norms.shape == (18,)
    assert result.norms[:3].mean() == pytest.approx(result.curves["grad/norm_mean"][0])
    assert result.measures["convergence/clipped_share"] == (result.norms > 0.7).mean()
    f1 = np.array(result.curves["val/weighted_f1"])
    assert result.measures["convergence/area"] == pytest.approx((f1[1:] + f1[:-1]).sum() / 10)
    assert result.measures["convergence/naive_final_loss"] == result.curves["weighted/total"][-1]


@pytest.mark.parametrize("labels", [1.0, 0.3])
@pytest.mark.parametrize(
    "config",
    [
        LossConfig(),
        LossConfig.from_knobs({"focal_gamma": 2.0, "class_weights": "balanced"}),
        LossConfig(weighting="uncertainty", reconstruction_loss="smooth_l1"),
        LossConfig(weighting="ema_inverse", contrastive_weight=0.05),
        LossConfig(weighting="dwa", reconstruction_loss="log_cosh"),
    ],
    ids=lambda config: f"{config.classification_loss} {config.weighting}",
)
def test_learns_what_can_be_learned(tensors, small, config, labels):
    training = TrainingConfig(epochs=15, batch_size=12, learning_rate=0.01)
    (result,) = train([config], tensors(separation=3.0, labels=labels), small, training, seed=0)
    assert max(result.curves["val/weighted_f1"]) > 0.9 and result.test["test/weighted_f1"] > 0.9
    assert result.curves["loss/reconstruction"][-1] < 0.8 * result.curves["loss/reconstruction"][0]
    assert result.curves["val/weighted_f1"][0] < 0.9


def test_learns_nothing_from_shuffled_labels(dataset, small):
    data = dataset(600, separation=3.0)
    np.random.default_rng(0).shuffle(data.labels)
    training = TrainingConfig(epochs=10, learning_rate=0.01)
    (result,) = train([LossConfig()], to_tensors(data, small), small, training, seed=0)
    assert result.test["test/accuracy"] == pytest.approx(1 / 3, abs=0.12)


def test_a_context_encoder_reads_the_dialogue(dataset, small):
    # The label of a row is written in its neighbour: without context it cannot be known.
    data = dataset(600, dialogue=np.arange(600) // 2, separation=3.0)
    data.labels[:] = np.random.default_rng(0).permutation(data.labels)
    codes = np.eye(3, dtype=np.float32)[data.labels].reshape(300, 2, 3)
    data.views["b"][:, :3] = codes[:, ::-1].reshape(600, 3)
    training = TrainingConfig(epochs=12, batch_size=32, learning_rate=0.01)
    found = {}
    for context in ("none", "gru", "transformer"):
        model = ModelConfig(hidden=16, view_width=8, dropout=0.0, context=context)
        (result,) = train([LossConfig()], to_tensors(data, model), model, training, seed=0)
        found[context] = result.test["test/weighted_f1"]
    assert found["none"] < 0.6 and found["gru"] > 0.9 and found["transformer"] > 0.9


def test_htad_for_real():
    model = ModelConfig()
    data = to_tensors(load("htad"), model)
    (result,) = train([LossConfig()], data, model, TrainingConfig(epochs=5), seed=0)
    assert result.test["test/weighted_f1"] > 0.8
    assert len(result.test) == 6 + 7 and result.best_value > 0.7
    assert all(tensor.dtype == torch.float32 for tensor in result.model.values())

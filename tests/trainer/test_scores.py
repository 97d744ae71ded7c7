import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch.nn import functional as F

from trainer.models.gated_fusion import GatedFusion
from trainer.scores import classification_scores, evaluate
from trainer.tensors import TRAIN, VALIDATION, evaluation_batches


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("n", [1, 5, 100])
@pytest.mark.parametrize("seed", range(4))
def test_f1_against_scikit_learn(classes, n, seed):
    # With 1 or 5 rows most classes are absent from truth, prediction or both.
    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(classes, size=n), rng.integers(classes, size=n)
    guess = np.where(rng.random(n) < 0.4, truth, guess)
    confusion = torch.zeros(classes, classes, dtype=torch.float64)
    np.add.at(confusion.numpy(), (truth, guess), 1)
    summary, each = classification_scores(confusion)
    assert summary == pytest.approx(
        {
            "weighted_f1": f1_score(truth, guess, average="weighted", zero_division=0),
            "macro_f1": f1_score(truth, guess, average="macro", zero_division=0),
            "accuracy": accuracy_score(truth, guess),
        }
    )
    expected = f1_score(truth, guess, labels=range(classes), average=None, zero_division=0)
    assert each == pytest.approx(expected.tolist())


def test_an_empty_confusion_scores_0():
    summary, each = classification_scores(torch.zeros(3, 3))
    assert summary == {"weighted_f1": 0.0, "macro_f1": 0.0, "accuracy": 0.0} and each == [0.0] * 3


@pytest.fixture
def model(tensors, small):
    return GatedFusion(tensors().widths, 3, small, "none")


@pytest.mark.parametrize("batch_size", [7, 4096])
def test_evaluate_against_a_direct_computation(tensors, model, batch_size):
    data = tensors()
    scores = evaluate(model.train(), data, evaluation_batches(data, VALIDATION, batch_size))
    rows = np.concatenate(data.sequences[VALIDATION])
    x, labels = data.x[rows], data.labels[rows]
    with torch.no_grad():
        out = model.eval()(x, torch.ones(len(rows), dtype=torch.int64))
    residuals = torch.cat([out.reconstruction_global - x, out.reconstruction_inter - x])
    guess = out.logits.argmax(1)
    assert scores.values == pytest.approx(
        {
            "cross_entropy": F.cross_entropy(out.logits, labels).item(),
            "mse": residuals.square().mean().item(),
            "mae": residuals.abs().mean().item(),
            "weighted_f1": f1_score(labels, guess, average="weighted", zero_division=0),
            "macro_f1": f1_score(labels, guess, average="macro", zero_division=0),
            "accuracy": accuracy_score(labels, guess),
        },
        rel=1e-5,
    )
    for name, gate in out.gates.items():
        assert scores.gates[f"{name}_mean"] == pytest.approx(gate.mean().item(), rel=1e-5)
        saturated = ((gate < 0.05) | (gate > 0.95)).float().mean().item()
        assert scores.gates[f"{name}_saturated"] == pytest.approx(saturated, rel=1e-5)
    assert len(scores.gates) == 8


def test_unlabelled_rows_count_in_the_reconstruction_only(tensors, model):
    full, few = tensors(), tensors(labels=0.3)
    assert 0 < (few.labels[np.concatenate(few.sequences[TRAIN])] >= 0).sum() < 72 and not few.fully_labelled
    rows = evaluation_batches(few, TRAIN)
    before = evaluate(model, few, rows).values
    known = [row for row in few.sequences[TRAIN] if few.labels[row[0]] >= 0]
    hidden = np.concatenate([row for row in few.sequences[TRAIN] if few.labels[row[0]] < 0])
    only_known = (known, few.sequences[VALIDATION], few.sequences[VALIDATION])
    labelled = evaluate(model, few, evaluation_batches(dataclasses.replace(few, sequences=only_known), TRAIN)).values
    for name in ("cross_entropy", "weighted_f1", "macro_f1", "accuracy"):
        assert before[name] == pytest.approx(labelled[name], rel=1e-5)
    assert before["mse"] == pytest.approx(evaluate(model, full, rows).values["mse"]) != labelled["mse"]
    few.x[hidden] *= 3
    after = evaluate(model, few, rows).values
    assert after["mse"] > 1.5 * before["mse"] and after["mae"] > 1.2 * before["mae"]
    assert after["cross_entropy"] == pytest.approx(before["cross_entropy"], rel=1e-6)

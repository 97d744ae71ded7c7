import copy

import numpy as np
import pytest
import torch

from trainer.config import LossConfig, TrainingConfig
from trainer.losses.focal import focal
from trainer.member import Member
from trainer.tensors import TRAIN, evaluation_batches

ALL_TERMS = {"encoder_loss_weight": 0.1, "contrastive_weight": 0.1, "classification_loss": "focal", "focal_gamma": 1.0}


def member(data, small, config=None, seed=0, **training):
    settings = TrainingConfig(**{"epochs": 4, "batch_size": 24, "conflict_every": 0, **training})
    return Member(config or LossConfig(**ALL_TERMS), data, small, settings, seed, 3)


def terms_of(one, x, labels):
    one.model.eval()
    return one.terms(one.model(x, torch.ones(len(x), dtype=torch.int64)), x, labels)


def gradient(term, one):
    return torch.autograd.grad(term, one.parameters, retain_graph=True, materialize_grads=True)


@pytest.fixture
def few(tensors):
    """Data of which most training rows have no label, with its training rows and where the label is hidden."""
    data = tensors(labels=0.3)
    (batch,) = evaluation_batches(data, TRAIN)
    x, labels = data.x[batch.rows], data.labels[batch.rows]
    assert 0 < (labels >= 0).sum() < len(labels)
    return data, x, labels


def test_unlabelled_rows_take_part_in_the_reconstruction_only(few, small):
    data, x, labels = few
    one = member(data, small)
    before = terms_of(one, x, labels)
    changed = x.clone()
    changed[labels < 0] *= 3
    after = terms_of(one, changed, labels)
    for name in ("classification", "gate", "contrastive"):
        assert after[name].item() == pytest.approx(before[name].item(), rel=1e-6)
        for a, b in zip(gradient(before[name], one), gradient(after[name], one), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)
    for name in ("reconstruction_global", "reconstruction_inter"):
        assert after[name].item() > 2 * before[name].item()


def test_the_other_terms_are_those_of_the_labelled_rows(few, small):
    data, x, labels = few
    known = labels >= 0
    one = member(data, small)
    all_rows, labelled = terms_of(one, x, labels), terms_of(one, x[known], labels[known])
    for name in ("classification", "gate", "contrastive"):
        assert all_rows[name].item() == pytest.approx(labelled[name].item(), rel=1e-5)
    assert all_rows["reconstruction_global"].item() != pytest.approx(labelled["reconstruction_global"].item(), rel=1e-5)


def test_a_batch_without_labels_trains_the_auto_encoder_alone(few, small):
    data, x, labels = few
    one = member(data, small)
    terms = terms_of(one, x[labels < 0], labels[labels < 0])
    assert [terms[n].item() for n in ("classification", "gate", "contrastive")] == [0.0, 0.0, 0.0]
    sum(terms.values()).backward()
    assert one.model.decode_out.weight.grad.norm() > 0
    assert one.model.classify_out.weight.grad.abs().max() == 0


def test_terms_follow_the_config(tensors, small):
    data = tensors()
    (batch,) = evaluation_batches(data, TRAIN)
    x, labels = data.x[batch.rows], data.labels[batch.rows]
    one = member(data, small, LossConfig(classification_loss="focal", focal_gamma=2.0, class_weights="balanced"))
    terms = terms_of(one, x, labels)
    out = one.model(x, batch.lengths)
    assert set(terms) == {"classification", "reconstruction_global", "reconstruction_inter", "gate"}
    assert terms["classification"].item() == focal(out.logits, labels, 2.0, data.class_weights()).item()
    mse = (out.reconstruction_inter - x).square().mean().item()
    assert terms["reconstruction_inter"].item() == pytest.approx(mse, rel=1e-6)
    gates = [out.gates[name] for name in ("temporal", "forget", "input")]  # not the utterance gate
    expected = sum((gate - 0.5).square().mean().item() for gate in gates)
    assert terms["gate"].item() == pytest.approx(expected, rel=1e-6)


def test_a_step_leaves_the_global_generator_alone(tensors, small):
    data = tensors()
    before = torch.random.get_rng_state()
    one = member(data, small)
    (batch,) = evaluation_batches(data, TRAIN)
    own = one.generator.get_state()
    one.step(batch)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(one.generator.get_state(), own)


def test_steps_are_adamw_with_clipping(tensors, small):
    # Against an unfused optimiser and clipping by hand: the fused one ignores strides and could be silently wrong.
    data = tensors()
    (batch,) = evaluation_batches(data, TRAIN)
    config = LossConfig(encoder_loss_weight=2.0)
    one = member(data, small, config, clip_norm=0.5, schedule="constant")
    twin = member(data, small, config)
    slow = torch.optim.AdamW(twin.parameters, lr=2e-3, weight_decay=1e-2, foreach=False, fused=False)
    clipped = 0
    for _ in range(10):
        one.step(batch)
        x, labels = data.x[batch.rows], data.labels[batch.rows]
        terms = twin.terms(twin.model.train()(x, batch.lengths), x, labels)
        both = terms["reconstruction_global"] + terms["reconstruction_inter"]
        slow.zero_grad()
        (terms["classification"] + 2.0 * both + 0.01 * terms["gate"]).backward()
        norm = torch.stack([p.grad.square().sum() for p in twin.parameters]).sum().sqrt()
        clipped += int(norm > 0.5)
        for p in twin.parameters:
            p.grad *= min(1.0, 0.5 / norm.item())
        slow.step()
    assert clipped > 5
    width = small.view_width
    for (name, a), b in zip(one.model.named_parameters(), twin.parameters, strict=True):
        if name == "inter.attend.bias":
            # Softmax ignores a key's bias: its gradient is rounding, which Adam scales up to whole steps.
            a, b = (torch.cat([bias[:width], bias[2 * width :]]) for bias in (a, b))
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip_norm", [0.01, 0.3])
def test_gradients_are_clipped(tensors, small, clip_norm):
    data = tensors()
    (batch,) = evaluation_batches(data, TRAIN)
    one = member(data, small, clip_norm=clip_norm)
    seen = []
    one.optimizer.register_step_pre_hook(
        lambda *_: seen.append(torch.cat([p.grad.flatten() for p in one.parameters]).norm().item())
    )
    for _ in range(5):
        one.step(batch)
    logged = [row[one.log.names.index("norm")].item() for row in one.log.rows]
    assert min(logged) > clip_norm  # before clipping
    assert seen == pytest.approx([clip_norm] * 5, rel=1e-3)


def test_the_angle_between_the_tasks(tensors, small):
    data = tensors()
    (batch,) = evaluation_batches(data, TRAIN)
    one = member(data, small, LossConfig(encoder_loss_weight=0.3))
    x, labels = data.x[batch.rows], data.labels[batch.rows]
    terms = terms_of(one, x, labels)
    terms["reconstruction"] = terms["reconstruction_global"] + terms["reconstruction_inter"]
    cosine, effective, norm = one._conflict(terms, {"classification": 1.0, "reconstruction": 0.3}).tolist()
    shared = one.model.shared_parameters()
    a, b = (
        torch.cat([g.flatten() for g in torch.autograd.grad(terms[n], shared, retain_graph=True)]).numpy()
        for n in ("classification", "reconstruction")
    )
    assert cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)
    assert norm == pytest.approx(np.linalg.norm(a), rel=1e-4)
    assert effective == pytest.approx(0.3 * np.linalg.norm(b) / np.linalg.norm(a), rel=1e-4)
    same = {"classification": terms["classification"], "reconstruction": 2 * terms["classification"]}
    assert one._conflict(same, {"reconstruction": 0.5}).tolist()[:2] == pytest.approx([1.0, 1.0], rel=1e-5)


def test_measuring_the_angle_changes_no_step(tensors, small):
    data = tensors()
    (batch,) = evaluation_batches(data, TRAIN)
    states = []
    for every in (0, 1):
        one = member(data, small, conflict_every=every)
        for _ in range(3):
            one.step(batch)
        states.append(copy.deepcopy(one.model.state_dict()))
        assert len(one.log.conflicts) == 3 * every
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])

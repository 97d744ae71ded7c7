"""A member in a stack equals the member alone, over every loss, weighting strategy and context encoder there is."""

import dataclasses
from itertools import cycle, islice

import numpy as np
import pytest
import torch

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.member import OneByOne
from trainer.models.context import ENCODERS
from trainer.models.dropout import set_generator
from trainer.models.gated_fusion import GatedFusion
from trainer.models.recurrence import Recurrence, packing
from trainer.population import Population
from trainer.registry import names
from trainer.stack import Stack
from trainer.stacked import Layout, StackedConfig
from trainer.tensors import VALIDATION, evaluation_batches, to_tensors

LOSSES, WEIGHTINGS = names("trainer.losses.reconstruction"), names("trainer.weighting")
DIALOGUES = {"none": None, "gru": np.arange(120) // 5, "transformer": np.arange(120) // 5}


def configs(count=8):
    """Members of every reconstruction loss and weighting strategy there is, with all other knobs mixed."""
    count = max(count, len(LOSSES), len(WEIGHTINGS))
    found = []
    pairs = zip(islice(cycle(LOSSES), count), islice(cycle(WEIGHTINGS), count), strict=True)
    for i, (loss, weighting) in enumerate(pairs):
        knobs = {"reconstruction_loss": loss, "weighting": weighting, "encoder_loss_weight": 0.05 * (i + 1) * (i != 4)}
        knobs |= {"gate_reg_weight": 0.02 * (i % 3), "contrastive_weight": 0.1 * (i % 3 == 1)}
        knobs |= {"class_weights": "balanced"} if i % 2 else {"focal_gamma": 0.5 * i}
        knobs |= {"smooth_l1_beta": 0.3 + 0.1 * i} if loss == "smooth_l1" else {}
        found.append(LossConfig.from_knobs(knobs))
    return found


def pair(data, model, training, members, seed=3):
    """The same population one by one and fused."""
    return [Population(members, data, model, training, seed=seed, fused=fused) for fused in (False, True)]


def after(populations, steps):
    """What each population measured in so many steps; the last epoch's part of it is left out where they end it."""
    found = []
    for population in populations:
        done = 0
        while done < steps:
            for batch in population.batches()[: steps - done]:
                population.step(batch)
                done += 1
            population.count()
        found.append(population.members.end_epoch())
    return found


def distance(one, other):
    """Relative distance of two models. The bias of the attention's keys is left out: softmax ignores it, so that its
    gradient is rounding, which Adam scales up to whole steps."""
    skip = ("inter.attend.bias", "self_attn.in_proj_bias")
    parts = [(one[n] - other[n], one[n]) for n in one if not n.endswith(skip)]
    return float(torch.stack([a.norm() for a, _ in parts]).norm() / torch.stack([b.norm() for _, b in parts]).norm())


@pytest.mark.parametrize("context", ENCODERS)
@pytest.mark.parametrize(
    ("dtype", "steps", "tolerance", "labels"),
    [(torch.float32, 10, 1e-6, 1.0), (torch.float64, 100, 1e-8, 0.6)],
    ids=["float32", "float64"],
)
def test_a_member_of_eight_equals_the_member_alone(dataset, small, context, dtype, steps, tolerance, labels):
    model = dataclasses.replace(small, context=context)
    data = to_tensors(dataset(labels=labels, dialogue=DIALOGUES[context]), model)
    data = dataclasses.replace(data, x=data.x.to(dtype))
    training = TrainingConfig(epochs=34, batch_size=24, clip_norm=0.6, conflict_every=3)
    members = configs()
    assert len(members) >= 8
    alone, stack = populations = pair(data, model, training, members)
    a, b = after(populations, steps)
    clipped = set()
    for i in range(len(members)):
        assert distance(alone.members.snapshot(i), stack.members.snapshot(i)) < tolerance
        for ours, theirs in ((a[i].columns, b[i].columns), (a[i].weights, b[i].weights)):
            assert ours.keys() == theirs.keys()
            for name in ours:
                scale = np.abs(ours[name]).max()
                np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=2 * tolerance * scale, err_msg=name)
        np.testing.assert_allclose(a[i].conflicts, b[i].conflicts, rtol=100 * tolerance, atol=100 * tolerance)
        assert a[i].rate == b[i].rate
        clipped |= set((a[i].columns["norm"] > 0.6).tolist())
    assert clipped == {True, False}
    rows = evaluation_batches(data, VALIDATION, 7)
    ours, theirs = alone.members.evaluate(rows), stack.members.evaluate(rows)
    for i in range(len(members)):
        assert theirs[i].values == pytest.approx(ours[i].values, rel=1e-4)
        assert theirs[i].gates == pytest.approx(ours[i].gates, rel=1e-4)
        assert theirs[i].class_f1 == pytest.approx(ours[i].class_f1, rel=1e-4)


@pytest.mark.parametrize("context", ENCODERS)
@pytest.mark.parametrize(("hidden", "batch"), [(8, 24), (9, 5), (33, 37)])
def test_who_else_is_there_changes_no_bit(dataset, context, hidden, batch):
    """Odd sizes: what stands at the end of a tensor, or unaligned, is computed by other code than the rest."""
    model = ModelConfig(hidden=hidden, view_width=7, dropout=0.3, context=context)
    data = to_tensors(dataset(dialogue=DIALOGUES[context]), model)
    training = TrainingConfig(epochs=4, batch_size=batch, clip_norm=0.7, conflict_every=2)
    whole, pruned, last, poisoned = (Population(configs(), data, model, training, seed=1, fused=True) for _ in range(4))
    for step, batch_of in enumerate(whole.batches()[:5]):
        if step == 1:
            pruned.keep([1, 4, 6])
            last.keep([5])
            with torch.no_grad():
                poisoned.members.rows[poisoned.members.row(3)] = torch.nan
        for population in (whole, pruned, last, poisoned):
            population.step(batch_of)
    for population, others in ((pruned, [1, 4, 6]), (last, [5]), (poisoned, [0, 1, 2, 4, 5, 6, 7])):
        for i in others:
            expected, found = whole.members.snapshot(i), population.members.snapshot(i)
            assert all(torch.equal(expected[name], found[name]) for name in expected), (i, others)
    assert all(parameter.isnan().all() for parameter in poisoned.members.snapshot(3).values())


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_states_go_from_one_by_one_to_fused_and_back(tensors, small, weighting):
    data = tensors(dialogue=DIALOGUES["gru"])
    data = dataclasses.replace(data, x=data.x.double())
    training = TrainingConfig(epochs=8, batch_size=24, conflict_every=2)
    members = [LossConfig(weighting=weighting, encoder_loss_weight=0.3, contrastive_weight=w) for w in (0.0, 0.1, 0.2)]
    alone, stack = pair(data, small, training, members)
    for population in (alone, stack):
        for _ in range(3):
            population.run_epoch()
    for source, fused in ((alone, True), (stack, False)):
        other = Population(members, data, small, training, seed=3, fused=fused)
        other.load_state_dict(source.state_dict())
        other.keep([0, 2])
        found = [other.run_epoch() for _ in range(2)][-1]
        straight = Population(members, data, small, training, seed=3)
        for _ in range(5):
            expected = straight.run_epoch()
        for a, b in zip(found, [expected[0], expected[2]], strict=True):
            assert isinstance(other.members, Stack if fused else OneByOne) and a.member == b.member
            same = [name for name in b.metrics if name != "samples_per_second"]
            assert [a.metrics[n] for n in same] == pytest.approx([b.metrics[n] for n in same], rel=1e-5, abs=1e-7)
            assert distance(other.members.snapshot(a.member), straight.members.snapshot(a.member)) < 1e-10


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("context", ENCODERS)
@pytest.mark.parametrize("hidden", [5, 8])
@pytest.mark.parametrize("training", [True, False])
def test_the_stacked_model_is_the_model(context, layers, hidden, training):
    config = ModelConfig(hidden=hidden, view_width=4, dropout=0.3, context_layers=layers)
    models = [GatedFusion((5, 3, 4), 3, config, context).double().train(training) for _ in range(3)]
    layout = Layout(models[0])
    rows = torch.stack([layout.row(model.state_dict()) for model in models]).requires_grad_()
    x, lengths = torch.randn(14, 12, dtype=torch.float64), torch.tensor([3, 10, 1])
    set_generator(models[0], torch.Generator().manual_seed(5))
    stacked = models[0].stacked(layout.weights(rows), x, lengths)
    weights = {f: torch.randn(1, dtype=torch.float64) for f in ("logits", "reconstruction_global", "z_inter")}
    loss = sum((weight * getattr(stacked, f).square()).sum() for f, weight in weights.items())
    (gradient,) = torch.autograd.grad(loss, rows)
    for k, model in enumerate(models):
        set_generator(model, torch.Generator().manual_seed(5))
        out = model(x, lengths)
        for f in ("logits", "reconstruction_global", "reconstruction_inter", "z", "z_inter"):
            torch.testing.assert_close(getattr(stacked, f)[k].T, getattr(out, f), rtol=1e-9, atol=1e-10)
        for name, gate in out.gates.items():
            torch.testing.assert_close(stacked.gates[name][k].T, gate, rtol=1e-9, atol=1e-10)
        loss = sum((weight * getattr(out, f).square()).sum() for f, weight in weights.items())
        own = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        torch.testing.assert_close(gradient[k], layout.join(own), rtol=1e-7, atol=1e-9)


def test_recurrence_has_the_right_gradient():
    sizes = packing(np.array([3, 10, 1]))[2]
    x, weight, bias = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 9, 14), (2, 9, 3), (2, 9))
    )
    assert torch.autograd.gradcheck(lambda *tensors: Recurrence.apply(*tensors, sizes), (x, weight, bias))


def test_packing_is_that_of_torch():
    lengths = np.array([2, 4, 1, 4])
    rows = torch.nn.utils.rnn.pad_sequence(torch.arange(11).split(lengths.tolist()), batch_first=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(rows, torch.tensor(lengths), True, enforce_sorted=False)
    forwards, backwards, sizes = packing(lengths)
    assert sizes == packed.batch_sizes.tolist()
    # Among dialogues of one length torch may take any order: ours is theirs as sets, step by step.
    for ours, theirs in zip(np.split(forwards, np.cumsum(sizes)[:-1]), packed.data.split(sizes), strict=True):
        assert sorted(ours) == sorted(theirs.tolist())
    assert backwards.tolist()[:4] == [5, 10, 1, 6] and sorted(backwards) == list(range(11))


def test_knobs_of_many_members_as_tensors():
    members = [LossConfig(encoder_loss_weight=w, reconstruction_loss="l1") for w in (0.1, 0.2)]
    stacked = StackedConfig([*members, LossConfig(focal_gamma=1.5, classification_loss="focal")], torch.zeros(()), 2)
    assert stacked.count == 3 and stacked.encoder_loss_weight.shape == (3, 1, 1)
    assert stacked.focal_gamma.flatten().tolist() == [0.0, 0.0, 1.5]
    assert not hasattr(stacked, "reconstruction_loss") and stacked.weighting == "fixed"


@pytest.mark.parametrize(("hidden", "batch"), [(8, 24), (9, 5), (33, 37)])
def test_members_at_other_epochs_and_of_other_seeds_change_no_bit(dataset, hidden, batch):
    """Those who come later start at their first epoch, and those who are there go on as if nobody had come."""
    model = ModelConfig(hidden=hidden, view_width=7, dropout=0.3)
    data = to_tensors(dataset(), model)
    training = TrainingConfig(epochs=6, batch_size=batch, clip_norm=0.7, conflict_every=2)
    members = configs()

    def population(some, seed=1):
        return Population([members[i] for i in some], data, model, training, seed=seed, fused=True)

    mixed, first = population([0, 1, 2]), population([0, 1, 2])
    second, third = population([3, 4]), population([5], seed=9)
    for epoch in range(5):
        if epoch == 2:
            assert [mixed.join(members[i], 1) for i in (3, 4)] == [3, 4]
        if epoch == 3:
            assert mixed.join(members[5], 9) == 5
            mixed.keep([0, 2, 3, 4, 5])
            first.keep([0, 2])
        found = mixed.run_epoch()
        expected = first.run_epoch()
        expected += second.run_epoch() if epoch >= 2 else []
        expected += third.run_epoch() if epoch >= 3 else []
        assert [r.epoch for r in found] == [r.epoch for r in expected]
        for ours, theirs in zip(found, expected, strict=True):
            same = [n for n in theirs.metrics if n != "samples_per_second"]
            np.testing.assert_array_equal([ours.metrics[n] for n in same], [theirs.metrics[n] for n in same])
    assert len(mixed.members.cohorts) == 3
    for ours, theirs, its in ((0, first, 0), (2, first, 2), (3, second, 0), (4, second, 1), (5, third, 0)):
        a, b = mixed.members.snapshot(ours), theirs.members.snapshot(its)
        assert all(torch.equal(a[name], b[name]) for name in b), ours


def test_members_that_stood_at_different_epochs_go_on_to_the_bit(tensors, small):
    data = tensors()
    training = TrainingConfig(epochs=6, batch_size=24, conflict_every=2)
    members = configs()[:4]
    straight = Population(members[:2], data, small, training, seed=1, fused=True)
    for epoch in range(4):
        if epoch == 2:
            for config in members[2:]:
                straight.join(config, 1)
        if epoch == 3:
            state = straight.state_dict()
        straight.run_epoch()
    resumed = Population(members, data, small, training, seed=1, fused=True)
    resumed.load_state_dict(state)
    resumed.run_epoch()
    assert resumed.epochs == straight.epochs == {0: 4, 1: 4, 2: 2, 3: 2}
    for i in range(4):
        a, b = straight.members.snapshot(i), resumed.members.snapshot(i)
        assert all(torch.equal(a[name], b[name]) for name in a)


UNMIXED = [{"dialogue": DIALOGUES["gru"]}, {"labels": 0.5}]


@pytest.mark.parametrize("changes", UNMIXED)
def test_where_batches_differ_in_shape_the_others_wait(tensors, small, changes):
    # Two that end at epoch 2 make room; who comes then is brought to epoch 2 before all go on as one model.
    data = tensors(**changes)
    training = TrainingConfig(epochs=4, batch_size=24, conflict_every=2)
    members = configs()[:5]
    population = Population(members[:4], data, small, training, seed=1, fused=True)
    trained = []

    def run():
        trained.append([report.member for report in population.run_epoch()])

    run(), run()
    population.keep([1, 3])
    assert population.join(members[4], 1) == 4
    run()
    standing = population.state_dict()
    run(), run(), run()
    assert trained == [[0, 1, 2, 3], [0, 1, 2, 3], [4], [4], [1, 3, 4], [1, 3, 4]] and population.alive == [1, 3, 4]

    resumed = Population(members, data, small, training, seed=1, fused=True)
    resumed.load_state_dict(standing)
    for _ in range(3):
        resumed.run_epoch()
    for i in (1, 3, 4):
        alone = Population([members[i]], data, small, training, seed=1, fused=True)
        for _ in range(4):
            alone.run_epoch()
        found = population.members.snapshot(i)
        for other in (resumed.members.snapshot(i), alone.members.snapshot(0)):
            assert all(torch.equal(found[name], other[name]) for name in found)


@pytest.mark.parametrize("changes", UNMIXED)
def test_seeds_that_cannot_share_a_stack_take_turns(tensors, small, changes):
    data, training = tensors(**changes), TrainingConfig(epochs=2, batch_size=24)
    both = Population([LossConfig()] * 3, data, small, training, seed=[1, 7, 1], fused=True)
    told = [[(r.member, r.epoch) for r in both.run_epoch()] for _ in range(4)]
    assert told == [[(0, 1), (2, 1)], [(1, 1)], [(0, 2), (2, 2)], [(1, 2)]]
    alone = Population([LossConfig()], data, small, training, seed=7, fused=True)
    alone.run_epoch(), alone.run_epoch()
    a, b = both.members.snapshot(1), alone.members.snapshot(0)
    assert all(torch.equal(a[name], b[name]) for name in a)

"""What everything above the trainer rests on: members do not influence each other, and resume exactly.

Every test runs with members one by one and fused.
"""

import io
import math

import numpy as np
import pytest
import torch

from trainer.config import LossConfig, TrainingConfig
from trainer.objective import Objective
from trainer.population import Population
from trainer.registry import names
from trainer.stack import Stack
from trainer.train import train

MIXED = [
    LossConfig(),
    LossConfig.from_knobs({"reconstruction_loss": "smooth_l1", "focal_gamma": 2.0, "weighting": "ema_inverse"}),
    LossConfig(reconstruction_loss="log_cosh", weighting="uncertainty", contrastive_weight=0.1),
    LossConfig(reconstruction_loss="l1", weighting="dwa", class_weights="balanced", encoder_loss_weight=1.0),
]


def curves(result):
    """All that was measured, without the clock."""
    return {name: curve for name, curve in result.curves.items() if name != "samples_per_second"}


def assert_same(a, b):
    """Equal to the bit; NaN, where an epoch measured nothing, equals NaN."""
    assert curves(a).keys() == curves(b).keys()
    for name, curve in curves(a).items():
        np.testing.assert_array_equal(curve, b.curves[name], err_msg=name)
    assert (a.state, a.best_epoch, a.best_value, a.test) == (b.state, b.best_epoch, b.best_value, b.test)
    assert all(torch.equal(a.model[name], b.model[name]) for name in a.model.keys() | b.model.keys())


@pytest.fixture(params=[False, True], ids=["one by one", "fused"])
def fused(request):
    return request.param


@pytest.fixture
def run(tensors, small, short, fused):
    """Trains configs on the small data; keyword arguments go to `train`."""
    data = tensors()

    def go(configs, training=short, seed=0, data=data, **kwargs):
        return train(configs, data, small, training, seed=seed, fused=fused, **kwargs)

    return go


@pytest.mark.parametrize("dialogue", [None, np.arange(120) // 5], ids=["rows", "dialogues"])
def test_a_member_alone_equals_the_member_among_others(run, tensors, dialogue):
    data = tensors(dialogue=dialogue)
    together = run(MIXED, data=data)
    for config, among_others in zip(MIXED, together, strict=True):
        assert_same(run([config], data=data)[0], among_others)
    finals = {tuple(result.curves["val/cross_entropy"]) for result in together}
    assert len(finals) == 4


def test_same_seed_same_curves_and_other_seed_other_curves(run):
    one, again, other = run(MIXED[:2], seed=1), run(MIXED[:2], seed=1), run(MIXED[:2], seed=2)
    for a, b, c in zip(one, again, other, strict=True):
        assert_same(a, b)
        assert a.curves["val/cross_entropy"] != c.curves["val/cross_entropy"]


def test_the_global_generators_play_no_part(run):
    one = run(MIXED[:1])[0]
    torch.manual_seed(99)
    np.random.seed(99)
    before = torch.random.get_rng_state()
    assert_same(one, run(MIXED[:1])[0])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.random.random_sample() == np.random.RandomState(99).random_sample()


@pytest.mark.parametrize("weight", [1e20, 1e38], ids=["gradient overflows", "loss overflows"])
def test_a_member_that_diverges_is_reported_and_leaves_the_others_alone(run, weight):
    alone = run(MIXED)
    bad = LossConfig(encoder_loss_weight=weight)
    *results, diverged = run([*MIXED, bad])
    assert diverged.state == "diverged" and diverged.epochs == 1
    assert diverged.reason.startswith("epoch 1: not finite: ") and "grad/norm_max" in diverged.reason
    assert diverged.test == {} and diverged.measures == {} and diverged.model == {} and diverged.best_epoch == 0
    for a, b in zip(alone, results, strict=True):
        assert_same(a, b)
        assert b.state == "complete"


def test_a_member_that_diverges_later_keeps_its_best_epoch(tensors, small, short, run, monkeypatch):
    step = Population.step

    def poison(population, batch):
        step(population, batch)
        if population.epochs[0] == 2:
            with torch.no_grad():
                whose = population.members
                first = whose.rows[whose.row(1)] if isinstance(whose, Stack) else whose[1].parameters[0]
                first.fill_(math.nan)

    healthy = run(MIXED[:3])
    monkeypatch.setattr(Population, "step", poison)
    with_bad = run(MIXED[:3])
    assert with_bad[1].state == "diverged" and with_bad[1].reason.startswith("epoch 3: not finite: ")
    assert with_bad[1].epochs == 3 and with_bad[1].best_epoch in (1, 2) and with_bad[1].test == {}
    assert curves(with_bad[1])["val/mse"][:2] == curves(healthy[1])["val/mse"][:2]
    for i in (0, 2):
        assert_same(healthy[i], with_bad[i])


def test_whom_the_receiver_stops_ends_there_and_the_others_go_on_unchanged(run):
    untouched, heard = run(MIXED), []

    def stop(reports):
        heard.append([(report.member, report.epoch) for report in reports])
        return {1: [], 2: [1], 3: [0, 3]}.get(reports[0].epoch, [])

    results = run(MIXED, report=stop)
    assert heard == [
        [(0, 1), (1, 1), (2, 1), (3, 1)],
        [(0, 2), (1, 2), (2, 2), (3, 2)],
        [(0, 3), (2, 3), (3, 3)],
        [(2, 4)],
    ]
    for i, epochs in ((0, 3), (1, 2), (3, 3)):
        result = results[i]
        assert (result.state, result.reason, result.epochs) == ("stopped", f"epoch {epochs}", epochs)
        assert result.test == {} and result.measures == {} and result.model == {} and 1 <= result.best_epoch <= epochs
        for name, curve in curves(result).items():
            np.testing.assert_array_equal(curve, untouched[i].curves[name][:epochs])
    assert_same(results[2], untouched[2])


def to_file_and_back(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("weighting", names("trainer.weighting"))
def test_resumes_to_the_bit(tensors, small, weighting, fused):
    data = tensors(dialogue=np.arange(120) // 5, labels=0.6)
    training = TrainingConfig(epochs=6, batch_size=24, conflict_every=2)
    configs = [LossConfig(), LossConfig(weighting=weighting, contrastive_weight=0.1), LossConfig(gate_reg_weight=0.0)]

    def population():
        return Population(configs, data, small, training, seed=4, fused=fused)

    straight = population()
    for _ in range(3):
        straight.run_epoch()
    straight.keep([1, 2])
    state = to_file_and_back(straight.state_dict())
    torch.manual_seed(123)
    resumed = population()
    resumed.load_state_dict(state)
    assert resumed.epochs[1] == 3 and resumed.alive == [1, 2]
    for _ in range(3):
        for a, b in zip(straight.run_epoch(), resumed.run_epoch(), strict=True):
            assert (a.member, a.epoch) == (b.member, b.epoch)
            assert a.metrics.keys() == b.metrics.keys()
            same = [n for n in a.metrics if n != "samples_per_second"]
            np.testing.assert_array_equal([a.metrics[n] for n in same], [b.metrics[n] for n in same])
    for i in (1, 2):
        best, again = straight.best[i], resumed.best[i]
        assert (best.epoch, best.value) == (again.epoch, again.value)
        assert all(torch.equal(best.state[name], again.state[name]) for name in best.state)
        assert straight.test(i) == resumed.test(i)
        np.testing.assert_array_equal(np.concatenate(straight.norms[i]), np.concatenate(resumed.norms[i]))
        assert len(straight.norms[i]) == 6


def test_a_huge_gradient_of_one_member_changes_no_step_of_another(tensors, small, short, fused):
    data = tensors()
    populations = [
        Population([LossConfig(), LossConfig(encoder_loss_weight=w)], data, small, short, seed=0, fused=fused)
        for w in (0.1, 1e8)
    ]
    for population in populations:
        for batch in population.batches():
            population.step(batch)
    first, second = ([p.members.snapshot(i) for p in populations] for i in (0, 1))
    assert all(torch.equal(first[0][name], first[1][name]) for name in first[0])
    assert any(not torch.equal(second[0][name], second[1][name]) for name in second[0])


def test_members_start_from_the_same_weights(tensors, small, short, fused):
    population = Population(MIXED, tensors(), small, short, seed=3, fused=fused)
    states = [population.members.snapshot(i) for i in population.alive]
    assert all(torch.equal(states[0][name], state[name]) for state in states[1:] for name in state)
    other = Population(MIXED[:1], tensors(), small, short, seed=4, fused=fused).members.snapshot(0)
    assert not torch.equal(states[0]["classify_out.weight"], other["classify_out.weight"])


def test_members_with_noise_of_their_own_train_as_they_do_apart(run):
    together = run(MIXED[:3], noise=[0, 1, 0])
    apart = [run([config], noise=noise)[0] for config, noise in zip(MIXED, (0, 1, 0), strict=False)]
    for a, b in zip(together, apart, strict=True):
        assert_same(a, b)
    assert curves(together[1])["val/mse"] != curves(run(MIXED[1:2])[0])["val/mse"]


def test_each_epoch_has_its_own_order(tensors, small, short, fused):
    population = Population(MIXED[:1], tensors(), small, short, seed=3, fused=fused)
    orders = []
    for _ in range(3):
        orders.append(tuple(torch.cat([batch[0].rows for batch in population.batches()]).tolist()))
        population.run_epoch()
    assert len(set(orders)) == 3 and len({frozenset(order) for order in orders}) == 1


def test_dwa_follows_the_means_of_the_last_two_epochs(run):
    (result,) = run([LossConfig(weighting="dwa", dwa_temperature=0.5, encoder_loss_weight=0.3)])
    losses = np.array([result.curves["loss/classification"], result.curves["loss/reconstruction"]])
    for epoch in range(4):
        ratio = np.exp(losses[:, epoch - 1] / losses[:, epoch - 2] / 0.5)
        factor = 2 * ratio / ratio.sum() if epoch >= 2 else [1, 1]
        weights = [result.curves[f"weight/{name}"][epoch] for name in ("classification", "reconstruction")]
        assert weights == pytest.approx([factor[0], 0.3 * factor[1]], rel=1e-5)
        assert epoch < 2 or abs(factor[0] - 1) > 1e-3


@pytest.mark.parametrize("name", ["val/weighted_f1", "val/cross_entropy"])
def test_best_is_the_first_best_epoch_of_the_objective(run, name):
    objective = Objective(name)
    training = TrainingConfig(epochs=8, batch_size=24, learning_rate=0.05, schedule="constant")
    for result in run(MIXED, training, objective=objective):
        curve = result.curves[name]
        best = max(curve) if objective.direction == "maximize" else min(curve)
        assert result.best_value == best and result.best_epoch == curve.index(best) + 1


@pytest.mark.parametrize("fused", [False, True])
def test_members_of_several_seeds_equal_each_alone(tensors, small, short, fused):
    """From their first step, not only where they come in later."""
    data = tensors()

    def curves(seed):
        found = train(MIXED[:2], data, small, short, seed=seed, fused=fused)
        return [result.curves["train/cross_entropy"] for result in found]

    together = curves([3, 4])
    assert together[0] == pytest.approx(curves(3)[0], rel=1e-4)
    assert together[1] == pytest.approx(curves(4)[1], rel=1e-4)

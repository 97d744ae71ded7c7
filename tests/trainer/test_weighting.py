import io
import math

import pytest
import torch
from torchjd.scalarization import DWA, UW

from trainer import weighting
from trainer.config import LossConfig
from trainer.registry import names

ALL = {"classification", "reconstruction", "gate", "contrastive"}


def config(name, **knobs):
    return LossConfig(weighting=name, **{"encoder_loss_weight": 0.3, "contrastive_weight": 0.2, **knobs})


def terms(classification=1.5, reconstruction=0.8, gate=0.1, contrastive=2.0):
    values = {
        "classification": classification,
        "reconstruction": reconstruction,
        "gate": gate,
        "contrastive": contrastive,
    }
    return {n: torch.tensor(v, requires_grad=True) for n, v in values.items() if v is not None}


def exercise(strategy, steps=6):
    """Bring a strategy out of its initial state: three epochs of falling terms, its own parameters learned."""
    learned = list(strategy.parameters())
    optimizer = torch.optim.SGD(learned, lr=0.5) if learned else None
    strategy.train()
    for i in range(steps):
        now = terms(1.5 * 0.8**i, 0.8 * 0.95**i, 0.1, 2.0 * 0.9**i)
        total, _ = strategy(now, i / 2)
        if optimizer:
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
        if i % 2:
            strategy.end_epoch({name: term.item() for name, term in now.items()})


def numbers(weights):
    return {name: torch.as_tensor(weight).item() for name, weight in weights.items()}


@pytest.fixture(params=names("trainer.weighting"))
def name(request):
    """Every file in trainer/weighting."""
    return request.param


class TestEveryStrategy:
    @pytest.mark.parametrize("used", [False, True])
    def test_total_is_the_weighted_sum_plus_its_penalty(self, name, used):
        strategy = weighting.make(config(name))
        if used:
            exercise(strategy)
        now = terms()
        total, weights = strategy(now, 3.0)
        penalty = strategy.penalty(now)
        expected = sum(weight * now[n].item() for n, weight in numbers(weights).items())
        expected += 0 if penalty is None else penalty.item()
        assert set(weights) == ALL
        assert total.shape == () and total.item() == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize(
        ("knob", "term"),
        [("encoder_loss_weight", "reconstruction"), ("gate_reg_weight", "gate"), ("contrastive_weight", "contrastive")],
    )
    def test_a_term_of_weight_0_takes_no_part(self, name, knob, term):
        totals = []
        for value in (0.7, 1e6, math.nan):
            strategy = weighting.make(config(name, **{knob: 0.0}))
            exercise(strategy)
            now = terms(**{term: value})
            total, weights = strategy(now, 3.0)
            total.backward()
            assert set(weights) == ALL - {term} and now[term].grad is None
            totals.append(total.item())
        assert totals[0] == totals[1] == totals[2] and math.isfinite(totals[0])

    def test_a_missing_contrastive_term_is_as_one_of_weight_0(self, name):
        missing, off = weighting.make(config(name)), weighting.make(config(name, contrastive_weight=0.0))
        total, weights = missing(terms(contrastive=None), 3.0)
        assert set(weights) == ALL - {"contrastive"}
        assert total.item() == off(terms(), 3.0)[0].item()

    def test_gradients_are_the_weights(self, name):
        strategy = weighting.make(config(name))
        exercise(strategy)
        now = terms()
        total, weights = strategy(now, 3.0)
        total.backward()
        assert {n: now[n].grad.item() for n in ALL} == pytest.approx(numbers(weights), rel=1e-6)
        assert 0 < now["classification"].grad.item() < 10

    def test_gate_regularisation_keeps_its_weight(self, name):
        strategy = weighting.make(config(name, gate_reg_weight=0.25))
        exercise(strategy)
        assert numbers(strategy(terms(), 3.0)[1])["gate"] == 0.25

    def test_state_survives_a_file(self, name):
        strategy, other = weighting.make(config(name)), weighting.make(config(name))
        exercise(strategy)
        file = io.BytesIO()
        torch.save(strategy.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True))
        for _ in range(2):
            assert numbers(strategy(terms(), 3.0)[1]) == numbers(other(terms(), 3.0)[1])
            for one in (strategy, other):
                one.end_epoch(numbers(terms(1.0, 0.9, 0.1, 0.5)))
        assert {n: t.tolist() for n, t in strategy.state_dict().items()} == {
            n: t.tolist() for n, t in other.state_dict().items()
        }


def test_fixed_is_what_the_config_says():
    strategy = weighting.make(config("fixed", gate_reg_weight=0.02))
    exercise(strategy)
    expected = {"classification": 1.0, "reconstruction": 0.3, "gate": 0.02, "contrastive": 0.2}
    assert strategy(terms(), 9.0)[1] == expected


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.5, 0.125), (1.0, 0.25), (3.0, 0.75), (4.0, 1), (9, 1)])
def test_warmup_is_linear_in_progress(progress, share):
    strategy = weighting.make(config("warmup", warmup_epochs=4, gate_reg_weight=0.02))
    weights = strategy(terms(), progress)[1]
    expected = {"classification": 1.0, "reconstruction": 0.3 * share, "gate": 0.02, "contrastive": 0.2}
    assert numbers(weights) == pytest.approx(expected)


def test_ema_inverse_by_hand():
    strategy = weighting.make(config("ema_inverse", ema_momentum=0.75, ema_range=4.0, contrastive_weight=0.0))
    # (classification, reconstruction) and the running means and the clamped ratio that follow
    steps = [
        ((2.0, 1.0), (2.0, 1.0), 2.0),  # starts at the first value
        ((2.0, 5.0), (2.0, 2.0), 1.0),  # 0.75 * 1 + 0.25 * 5
        ((6.0, 2.0), (3.0, 2.0), 1.5),
        ((95.0, 2.0), (26.0, 2.0), 4.0),  # 13, clamped
        ((2.0, 400.0), (20.0, 101.5), 0.25),  # 0.20, clamped
        ((0.0, 101.5), (20.0, 101.5), 0.25),  # a batch without labels says nothing about classification
    ]
    for (classification, reconstruction), means, factor in steps:
        weights = strategy(terms(classification, reconstruction), 0.0)[1]
        assert numbers(weights) == pytest.approx({"classification": 1, "reconstruction": 0.3 * factor, "gate": 0.01})
        assert strategy.means[:2].tolist() == pytest.approx(means)


def test_ema_inverse_does_not_learn_in_evaluation():
    strategy = weighting.make(config("ema_inverse"))
    strategy(terms(2.0, 1.0), 0.0)
    before = strategy.means.tolist()
    strategy.eval()
    strategy(terms(9.0, 0.1), 0.0)
    assert strategy.means.tolist() == before
    strategy.train()
    strategy(terms(9.0, 0.1), 0.0)
    assert strategy.means.tolist() != before


def even(name, three=False, **knobs):
    """A strategy over two or three tasks of configured weight 1 and nothing else."""
    return weighting.make(
        config(name, encoder_loss_weight=1.0, gate_reg_weight=0.0, contrastive_weight=float(three), **knobs)
    )


def tasks(values):
    return dict(zip(("classification", "reconstruction", "contrastive"), values, strict=False))


@pytest.mark.parametrize("three", [False, True])
def test_uncertainty_against_torchjd(three):
    mine, reference = even("uncertainty", three), UW(2 + three)
    optimizers = [torch.optim.Adam(one.parameters(), lr=0.1) for one in (mine, reference)]
    for i in range(30):
        values = torch.tensor([3.0 * 0.9**i, 0.4, 7.0 + i])[: 2 + three]
        totals = [mine(tasks(values), i / 5)[0], reference(values)]
        assert totals[0].item() == pytest.approx(totals[1].item(), abs=1e-6)
        for optimizer, total in zip(optimizers, totals, strict=True):
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
    assert reference.log_var.abs().min() > 0.1  # the comparison went somewhere
    torch.testing.assert_close(mine.log_variance[: 2 + three], reference.log_var, rtol=0, atol=1e-6)


def test_uncertainty_ends_where_exp_s_is_the_term():
    strategy = weighting.make(config("uncertainty", contrastive_weight=0.0))
    optimizer = torch.optim.Adam(strategy.parameters(), lr=0.05)
    for _ in range(500):
        total, _ = strategy(terms(1.5, 0.8), 0.0)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert strategy.log_variance.exp().tolist() == pytest.approx([1.5, 0.3 * 0.8, 1.0], rel=1e-3)


@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize("temperature", [2.0, 0.3])
def test_dwa_against_torchjd(three, temperature):
    mine, reference = even("dwa", three, dwa_temperature=temperature), DWA(temperature)
    uneven = 0.0
    for epoch in range(6):
        batches = [torch.rand(3)[: 2 + three] * torch.tensor([0.5**epoch, 1.0, 2.0])[: 2 + three] for _ in range(4)]
        for values in batches:
            total, weights = mine(tasks(values), float(epoch))
            assert total.item() == pytest.approx(reference(values).item(), abs=1e-6)
            uneven = max(uneven, abs(float(weights["classification"]) - 1))
        mine.end_epoch(tasks(torch.stack(batches).mean(0).tolist()))
        reference.step()
    assert uneven > 0.1

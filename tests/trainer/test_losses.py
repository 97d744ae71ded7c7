import math

import pytest
import torch
from torch.nn import functional as F

from trainer.config import LossConfig
from trainer.losses import reconstruction
from trainer.losses.contrastive import info_nce
from trainer.losses.focal import focal
from trainer.losses.gate import gate_regularisation
from trainer.registry import load, names

PACKAGE = "trainer.losses.reconstruction"
LOSSES = names(PACKAGE)


def rows(n=50, classes=4, unlabelled=0):
    logits, labels = 3 * torch.randn(n, classes), torch.randint(classes, (n,))
    labels[torch.randperm(n)[:unlabelled]] = -1
    return logits, labels


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("unlabelled", [0, 30])
def test_focal_with_gamma_0_is_cross_entropy(weighted, unlabelled):
    logits, labels = rows(unlabelled=unlabelled)
    weights = torch.tensor([0.2, 1.0, 3.0, 0.5]) if weighted else None
    expected = F.cross_entropy(logits, labels, weights, ignore_index=-1)
    torch.testing.assert_close(focal(logits, labels, 0.0, weights), expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_by_hand(gamma):
    logits, labels = torch.log(torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])), torch.tensor([0, 0, 1])
    each = [-((1 - p) ** gamma) * math.log(p) for p in (0.9, 0.3, 0.5)]
    assert focal(logits, labels, gamma).item() == pytest.approx(sum(each) / 3, rel=1e-5)
    expected = (2 * each[0] + 2 * each[1] + 5 * each[2]) / 9
    assert focal(logits, labels, gamma, torch.tensor([2.0, 5.0])).item() == pytest.approx(expected, rel=1e-5)


def test_focal_leaves_unlabelled_rows_out():
    logits, labels = rows(unlabelled=20)
    known = labels >= 0
    assert focal(logits, labels, 2.0).item() == pytest.approx(focal(logits[known], labels[known], 2.0).item(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 0.9, 2.0])
def test_focal_of_a_certain_row_has_a_finite_gradient(gamma):
    logits = torch.tensor([[200.0, 0.0], [20.0, 0.0], [-200.0, 0.0]], requires_grad=True)
    focal(logits, torch.tensor([0, 0, 0]), gamma).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[0].abs().max() < 1e-3  # right and certain: nothing to learn
    assert logits.grad[2, 0].item() == pytest.approx(-1 / 3, rel=1e-5)  # wrong and certain: as cross-entropy


@pytest.mark.parametrize("n", [0, 5])
def test_focal_without_a_label_is_0_with_a_zero_gradient(n):
    logits = torch.randn(n, 3, requires_grad=True)
    loss = focal(logits, torch.full((n,), -1), 2.0, torch.ones(3))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros(n, 3))


@pytest.fixture(params=LOSSES)
def elementwise(request):
    """Every file in trainer/losses/reconstruction."""
    function = load(PACKAGE, request.param, "reconstruction_loss").loss
    return lambda residual: function(residual, LossConfig(reconstruction_loss=request.param))


class TestEveryReconstructionLoss:
    def test_is_0_without_a_residual(self, elementwise):
        assert elementwise(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2

    def test_is_even_and_grows_with_the_residual(self, elementwise):
        size = torch.cat([torch.linspace(0, 5, 501), torch.logspace(1, 4, 100)])
        value = elementwise(size)
        assert value.shape == size.shape
        assert torch.equal(value, elementwise(-size))
        assert (value.diff() >= 0).all() and value[1] > 0 and value[-1] > 100 * value[100]

    @pytest.mark.parametrize("at", [0.0, 1.0, -1.0, 1e4, -1e4])
    def test_is_finite_with_a_finite_gradient(self, elementwise, at):
        residual = torch.tensor([at], requires_grad=True)
        value = elementwise(residual)
        value.sum().backward()
        assert value.isfinite().all() and residual.grad.isfinite().all()
        assert torch.sign(residual.grad).item() == math.copysign(1, at) * (at != 0)


@pytest.mark.parametrize("name", LOSSES)
def test_the_configured_loss_is_the_mean_in_float32(name):
    residual = torch.randn(7, 5)
    config = LossConfig(reconstruction_loss=name)
    made = reconstruction.make(config)
    expected = load(PACKAGE, name, "").loss(residual, config).double().mean().item()
    assert made(residual).item() == pytest.approx(expected, rel=1e-6)
    assert made(residual.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(("name", "value"), [("mse", 4.0), ("l1", 2.0), ("smooth_l1", 1.5), ("log_cosh", 1.3250027)])
def test_reconstruction_at_a_residual_of_2(name, value):
    loss = reconstruction.make(LossConfig(reconstruction_loss=name))
    assert loss(torch.tensor([[2.0]])).item() == pytest.approx(value)


def test_smooth_l1_is_half_of_the_squared_error_below_beta_and_linear_above():
    def smooth(residual, beta):
        config = LossConfig(reconstruction_loss="smooth_l1", smooth_l1_beta=beta)
        return load(PACKAGE, "smooth_l1", "").loss(residual, config)

    small = torch.linspace(-0.99, 0.99, 99)
    torch.testing.assert_close(smooth(small, 1.0), small.square() / 2)
    torch.testing.assert_close(smooth(0.5 * small, 0.5), (0.5 * small).square() / (2 * 0.5))
    assert smooth(torch.tensor([3.0]), 0.5).item() == pytest.approx(2.75)


def test_log_cosh_against_torch_in_float64():
    residual = torch.linspace(-300, 300, 6001, dtype=torch.float64)
    mine = load(PACKAGE, "log_cosh", "").loss(residual, LossConfig(reconstruction_loss="log_cosh"))
    torch.testing.assert_close(mine, torch.log(torch.cosh(residual)), rtol=1e-12, atol=1e-14)


def test_gate_regularisation_values():
    half, edge = torch.full((3, 4), 0.5), torch.tensor([[0.0, 1.0]])
    assert gate_regularisation([half]).item() == 0.0
    assert gate_regularisation([edge, edge, half]).item() == 0.5
    assert gate_regularisation([torch.tensor([[0.6, 0.5]])]).item() == pytest.approx(0.005)
    assert gate_regularisation([torch.zeros(0, 4)] * 3).item() == 0.0


def test_info_nce_by_hand():
    eye, same = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert info_nce(eye, eye, 1.0).item() == pytest.approx(math.log(1 + math.exp(-1)))
    assert info_nce(eye, 7 * eye, 0.5).item() == pytest.approx(math.log(1 + math.exp(-2)))  # the length is no matter
    columns = (math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2
    assert info_nce(eye, same, 1.0).item() == pytest.approx((math.log(2) + columns) / 2)


def test_info_nce_is_symmetric_and_prefers_the_right_pairs():
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    assert info_nce(a, b).item() == pytest.approx(info_nce(b, a).item(), rel=1e-6)
    assert 10 * info_nce(a, a + 0.01 * b) < info_nce(a, a.flip(0))


@pytest.mark.parametrize("n", [0, 1])
def test_info_nce_needs_two_rows(n):
    a = torch.randn(n, 4, requires_grad=True)
    loss = info_nce(a, torch.randn(n, 4))
    loss.backward()
    assert loss.item() == 0.0 and torch.equal(a.grad, torch.zeros(n, 4))

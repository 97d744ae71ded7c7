import pytest
import torch
from torch.nn import functional as F

from trainer.config import ModelConfig
from trainer.models.context import ENCODERS, pad
from trainer.models.dropout import Dropout, set_generator
from trainer.models.gated_fusion import GatedFusion

WIDTHS = (3, 2, 4, 1, 5, 2)
GATES = {"utterance", "temporal", "forget", "input"}
CONTEXTS = tuple(ENCODERS)
TALKING = tuple(name for name in ENCODERS if name != "none")


def make(context="none", views=3, dropout=0.0, hidden=6, layers=1):
    config = ModelConfig(hidden=hidden, view_width=4, dropout=dropout, context_layers=layers)
    return GatedFusion(WIDTHS[:views], 3, config, context)


def say(model, x, lengths):
    with torch.no_grad():
        return model.eval()(x, torch.tensor(lengths))


def tensors_of(out):
    return [out.logits, out.reconstruction_global, out.reconstruction_inter, out.z, out.z_inter, *out.gates.values()]


def rows_of(n, views=3):
    return torch.randn(n, sum(WIDTHS[:views]))


@pytest.mark.parametrize("views", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("context", CONTEXTS)
def test_shapes(context, views):
    x = rows_of(9, views)
    out = say(make(context, views), x, [4, 2, 3])
    assert out.logits.shape == (9, 3)
    assert out.reconstruction_global.shape == out.reconstruction_inter.shape == x.shape
    assert out.z.shape == out.z_inter.shape == (9, 6)
    assert {name: gate.shape for name, gate in out.gates.items()} == dict.fromkeys(GATES, (9, 6))


@pytest.mark.parametrize("hidden", [1, 5, 8])
@pytest.mark.parametrize("context", TALKING)
def test_odd_widths_and_more_layers(context, hidden):
    out = say(make(context, hidden=hidden, layers=2), rows_of(5), [4, 1])
    assert out.logits.shape == (5, 3) and out.logits.isfinite().all()


def test_gates_lie_between_0_and_1_and_reach_both_ends():
    gates = say(make(), 20 * rows_of(50), [1] * 50).gates
    for gate in gates.values():
        assert gate.min() >= 0 and gate.max() <= 1
    assert gates["utterance"].min() == 0 and gates["utterance"].max() == 1


def test_gates_start_in_the_middle():
    for gate in say(make(hidden=64), 0.01 * rows_of(50), [1] * 50).gates.values():
        assert gate.mean().item() == pytest.approx(0.5, abs=0.1)


def test_a_row_does_not_depend_on_its_batch():
    model, x = make(), rows_of(8)
    together = say(model, x, [1] * 8)
    changed = x.clone()
    changed[:3] += 10
    others = say(model, changed, [1] * 8)
    alone = say(model, x[5:6], [1])
    for a, b, c in zip(tensors_of(together), tensors_of(others), tensors_of(alone), strict=True):
        torch.testing.assert_close(a[3:], b[3:], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(a[5:6], c, rtol=1e-5, atol=1e-6)


def test_a_row_does_not_depend_on_its_batch_in_training_either():
    model, x = make().train(), rows_of(8)
    changed = torch.cat([x[:3] + 10, x[3:]])
    a, b = (model(rows, torch.ones(8, dtype=torch.int64)).logits[3:] for rows in (x, changed))
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("context", TALKING)
@pytest.mark.parametrize("layers", [1, 2])
class TestContext:
    def test_a_dialogue_does_not_depend_on_the_others_or_on_padding(self, context, layers):
        model, x = make(context, layers=layers), rows_of(14)
        alone = say(model, x[:3], [3]).logits
        beside_a_long_one = say(model, x, [3, 10, 1]).logits
        last = say(model, torch.cat([x[3:], x[:3]]), [10, 1, 3]).logits
        torch.testing.assert_close(beside_a_long_one[:3], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(last[-3:], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(last[:11], beside_a_long_one[3:], rtol=1e-4, atol=1e-5)

    def test_a_row_hears_both_neighbours(self, context, layers):
        model, x = make(context, layers=layers), rows_of(5)
        before = say(model, x, [5]).logits
        for other in (0, 4):
            changed = x.clone()
            changed[other] += 1
            assert (say(model, changed, [5]).logits[2] - before[2]).abs().max() > 1e-4

    def test_order_matters(self, context, layers):
        model, x = make(context, layers=layers), rows_of(5)
        swapped = say(model, x[[1, 0, 2, 3, 4]], [5]).logits
        assert (swapped[2] - say(model, x, [5]).logits[2]).abs().max() > 1e-5

    def test_evaluation_without_gradients_is_the_same_function(self, context, layers):
        # PyTorch has a fast path of its own for transformers that need no gradient.
        model, x = make(context, layers=layers), rows_of(7)
        with_gradient = model.eval()(x, torch.tensor([3, 4])).logits
        torch.testing.assert_close(say(model, x, [3, 4]).logits, with_gradient.detach(), rtol=1e-4, atol=1e-5)


def test_pad_puts_rows_where_they_belong():
    padded, mask = pad(torch.arange(1.0, 5.0)[:, None], torch.tensor([1, 3]))
    assert padded[:, :, 0].tolist() == [[1, 0, 0], [2, 3, 4]]
    assert mask.tolist() == [[True, False, False], [True, True, True]]


@pytest.mark.parametrize("context", CONTEXTS)
def test_dropout_draws_from_its_own_generator_in_training_only(context):
    model, x, lengths = make(context, dropout=0.5), rows_of(9), torch.tensor([4, 5])
    generator = torch.Generator()
    set_generator(model, generator)
    assert sum(isinstance(module, Dropout) for module in model.modules()) >= 3

    def train(seed):
        generator.manual_seed(seed)
        return model.train()(x, lengths).logits.detach()

    before = torch.random.get_rng_state()
    assert torch.equal(train(1), train(1)) and not torch.equal(train(1), train(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    state = generator.get_state()
    assert torch.equal(say(model, x, [4, 5]).logits, say(model, x, [4, 5]).logits)
    assert torch.equal(generator.get_state(), state)


def test_dropout_keeps_the_mean():
    drop, x = Dropout(0.25), torch.ones(200, 200)
    out = drop.train()(x)
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(drop.eval()(x), x)


@pytest.mark.parametrize("context", CONTEXTS)
def test_both_tasks_reach_the_shared_parameters(context):
    model, x = make(context, hidden=16), rows_of(40)
    out = model(x, torch.tensor([20, 20]))
    tasks = {
        "classification": F.cross_entropy(out.logits, torch.arange(40) % 3),
        "reconstruction": (out.reconstruction_global - x).square().mean()
        + (out.reconstruction_inter - x).square().mean(),
    }
    shared = model.shared_parameters()
    assert 0 < len(shared) < len(list(model.parameters()))
    for task in tasks.values():
        for gradient in torch.autograd.grad(task, shared, retain_graph=True):
            assert gradient.norm() > 1e-6

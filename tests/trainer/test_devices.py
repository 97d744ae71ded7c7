"""A stack on a GPU, where there is one, gives the numbers of the CPU; everywhere it mixes no tensors of two devices."""

import contextlib
import dataclasses
import io

import numpy as np
import pytest
import torch

from trainer import member, stack
from trainer.config import LossConfig, TrainingConfig
from trainer.models.context import ENCODERS
from trainer.models.dropout import Dropout
from trainer.models.gated_fusion import GatedFusion
from trainer.optimizer import AdamW
from trainer.population import Population
from trainer.registry import names
from trainer.tensors import TensorData, to_tensors
from trainer.train import train

DIALOGUES = np.arange(120) // 5
GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"))
MEMBERS = [
    LossConfig.from_knobs(
        {"weighting": weighting, "reconstruction_loss": loss, "class_weights": ("none", "balanced")[i % 2]}
        | ({"contrastive_weight": 0.1} if i % 2 else {"focal_gamma": 1.5})
    )
    for i, (weighting, loss) in enumerate(
        zip(names("trainer.weighting"), 2 * names("trainer.losses.reconstruction"), strict=False)
    )
]


def data_for(dataset, model, context, device, dtype=torch.float32):
    found = to_tensors(dataset(dialogue=None if context == "none" else DIALOGUES), model, device)
    return dataclasses.replace(found, x=found.x.to(dtype))


class NoGenerator:
    """Stands in for a generator on a device that has none."""

    def __init__(self, device=None):
        self.state = torch.zeros(1, dtype=torch.uint8)

    def manual_seed(self, seed):
        return self

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state


@pytest.fixture
def nowhere(monkeypatch):
    """The device `meta`, where tensors have a shape and no numbers: as on a GPU, nothing of the CPU goes with them."""

    def initial(data, model, seed):
        with torch.device("meta"):
            return GatedFusion(data.widths, data.n_classes, model, data.context)

    def step(self):
        """What the fused kernel asks for: all of a parameter's state where the parameter is."""
        for parameter in (parameter for group in self.param_groups for parameter in group["params"]):
            fresh = {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
            state = self.state[parameter] or fresh | {"step": torch.zeros((), device=parameter.device)}
            self.state[parameter] = state
            assert {x.device for x in (parameter.grad, *state.values())} == {parameter.device}

    truth = torch.Tensor.__bool__
    monkeypatch.setattr(torch, "Generator", NoGenerator)
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda self: self.is_meta or truth(self))
    monkeypatch.setattr(AdamW, "step", step)
    monkeypatch.setattr(Dropout, "_mask", lambda self, x: torch.ones_like(x))
    monkeypatch.setattr(TensorData, "class_weights", lambda self: self.x.new_ones(self.n_classes))
    for module in (stack, member):
        monkeypatch.setattr(module, "initial_model", initial)
    return torch.device("meta")


@pytest.mark.parametrize("context", ENCODERS)
def test_a_step_of_a_stack_touches_no_other_device(dataset, small, nowhere, context):
    model = dataclasses.replace(small, context=context)
    data = data_for(dataset, model, context, "cpu")
    data = dataclasses.replace(data, x=data.x.to(nowhere), labels=data.labels.to(nowhere))
    training = TrainingConfig(epochs=3, batch_size=24, conflict_every=2)
    population = Population(MEMBERS, data, model, training, seed=0, fused=True)
    for batch in population.batches()[:3]:
        population.step(batch)
    population.count()
    population.keep([0, 2, 3])
    population.join(LossConfig(), 0)
    population.gather()
    population.step(population.batches()[0])
    assert population.members.rows.device == nowhere
    assert all(logged.device == nowhere for logged in population.members.log.rows)


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("context", ENCODERS)
def test_a_member_of_a_stack_equals_the_member_alone(dataset, small, device, context):
    model = dataclasses.replace(small, context=context, dropout=0.3)
    data = data_for(dataset, model, context, device, torch.float64)
    training = TrainingConfig(epochs=8, batch_size=24, clip_norm=0.7, conflict_every=2)
    alone, fused = (Population(MEMBERS, data, model, training, seed=3, fused=fused) for fused in (False, True))
    for population in (alone, fused):
        for _ in range(4):
            population.run_epoch()
    for i in range(len(MEMBERS)):
        one, other = alone.members.snapshot(i), fused.members.snapshot(i)
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=1e-6, atol=1e-8, msg=f"{i}: {name}")


@pytest.mark.parametrize("device", ["cpu", GPU])
def test_a_training_is_that_of_the_cpu(dataset, small, device):
    model = dataclasses.replace(small, dropout=0.0)
    training = TrainingConfig(epochs=6, batch_size=24)
    found = []
    for where in ("cpu", device):
        data = data_for(dataset, model, "gru", where, torch.float64)
        found.append(train(MEMBERS, data, model, training, seed=5, fused=True))
    for one, other in zip(*found, strict=True):
        for name in set(one.curves) - {"samples_per_second"}:
            np.testing.assert_allclose(one.curves[name], other.curves[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("context", ["none", "gru"])
def test_a_checkpoint_goes_on(dataset, small, device, context):
    model = dataclasses.replace(small, context=context)
    data, kept = data_for(dataset, model, context, device), []

    def save(states):
        file = io.BytesIO()
        torch.save(states(), file)
        kept.append(file)

    options = {"seed": 1, "fused": True}
    training = TrainingConfig(epochs=5, batch_size=24)
    straight = train(MEMBERS, data, model, training, save=save, **options)
    kept[2].seek(0)
    states = torch.load(kept[2], map_location="cpu", weights_only=True)
    resumed = train(MEMBERS, data, model, training, resume=states, **options)
    for one, other in zip(straight, resumed, strict=True):
        assert other.best_value == pytest.approx(one.best_value, abs=0.0 if device == "cpu" else 0.1)
        assert other.curves["val/cross_entropy"] == pytest.approx(one.curves["val/cross_entropy"], rel=1e-3)

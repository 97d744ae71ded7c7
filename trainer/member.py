"""One member: a model, its loss and its optimiser. :class:`trainer.stack.Stack` is the same for K members at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer import weighting
from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.losses import reconstruction
from trainer.losses.contrastive import info_nce
from trainer.losses.focal import focal
from trainer.losses.gate import gate_regularisation
from trainer.metrics import Steps
from trainer.models.dropout import set_generator
from trainer.models.gated_fusion import GatedFusion, Output
from trainer.models.gates import DialogueGate
from trainer.optimizer import AdamW
from trainer.scores import Scores, evaluate
from trainer.tensors import Batch, TensorData

INIT_STREAM, ORDER_STREAM, DROPOUT_STREAM = 0, 1, 2


def stream_seed(seed: int, stream: int, noise: int = 0) -> int:
    """An independent 63-bit seed for one use of randomness, derived from the member's seed and a noise number."""
    entropy = [seed, stream, noise] if noise else [seed, stream]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)


def initial_model(data: TensorData, model: ModelConfig, seed: int) -> GatedFusion:
    """The model as training starts from it, on the device and in the precision of the data; the same for all members
    with this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, INIT_STREAM))
        made = GatedFusion(data.widths, data.n_classes, model, data.context)
    return made.to(data.device, data.x.dtype)


def dropout_generator(data: TensorData, seed: int, noise: int) -> torch.Generator:
    """Where dropout masks are drawn from; every member of a population draws the same ones."""
    return torch.Generator(data.device).manual_seed(stream_seed(seed, DROPOUT_STREAM, noise))


class Member:
    """Trains one LossConfig. Everything random in it comes from `seed` and from streams of its own."""

    idle_parts_decay = True
    """a part that only terms of weight 0 reach has a zero gradient, so that weight decay is the same for all members"""

    def __init__(
        self,
        config: LossConfig,
        data: TensorData,
        model: ModelConfig,
        training: TrainingConfig,
        seed: int,
        steps_per_epoch: int,
        noise: int = 0,
    ) -> None:
        self.reconstruction = reconstruction.make(config)
        self._prepare(initial_model(data, model, seed), config, data, training, seed, steps_per_epoch, noise)

    def _prepare(
        self,
        model: nn.Module,
        config: LossConfig,
        data: TensorData,
        training: TrainingConfig,
        seed: int,
        steps_per_epoch: int,
        noise: int,
        terms: weighting.Terms | None = None,
    ) -> None:
        """What every model needs around it."""
        self.config, self.data, self.training, self.model = config, data, training, model
        self.generator = dropout_generator(data, seed, noise)
        set_generator(self.model, self.generator)
        self.weighting = weighting.make(config, terms).to(data.device, data.x.dtype)
        self.class_weights = data.class_weights() if config.class_weights == "balanced" else None
        self.parameters = list(self.model.parameters())
        learned = list(self.weighting.parameters())
        groups = [{"params": self.parameters, "weight_decay": training.weight_decay}]
        if learned:
            groups.append({"params": learned, "weight_decay": 0.0})
        self.optimizer = AdamW(groups, training.learning_rate)
        self.steps_per_epoch = steps_per_epoch
        self.steps = 0
        self.log = StepLog()

    def step(self, batch: Batch) -> None:
        """One optimiser step on one batch."""
        self.model.train()
        self.weighting.train()
        x, labels = self.data.x[batch.rows], self.data.labels[batch.rows]
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training.amp and x.is_cuda):
            parts, terms = self.losses(x, labels, batch.lengths)
        total, weights = self.weighting(terms, self.steps / self.steps_per_epoch)
        every = self.training.conflict_every
        if every and self.steps % self.steps_per_epoch % every == 0:
            self.log.conflicts.append(self._conflict(terms, weights))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        for parameter in self.parameters if self.idle_parts_decay else ():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.training.clip_norm)
        rate = self.training.learning_rate * rate_factor(
            self.steps, self.steps_per_epoch * self.training.epochs, self.training.schedule
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.steps += 1
        self.log.add(total, norm, parts, weights, rate)

    def losses(self, x: Tensor, labels: Tensor, lengths: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The unweighted terms of a batch, as they are logged and as they are weighed; x (n, D), labels (n,)."""
        parts = self.terms(self.model(x, lengths), x, labels)
        terms = dict(parts)
        terms["reconstruction"] = terms.pop("reconstruction_global") + terms.pop("reconstruction_inter")
        return parts, terms

    def terms(self, out: Output, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The unweighted terms of the loss; x (n, D), labels (n,). Unlabelled rows count in reconstruction only."""
        config = self.config
        terms = {
            "classification": focal(out.logits, labels, config.focal_gamma, self.class_weights),
            "reconstruction_global": self.reconstruction(out.reconstruction_global - x),
            "reconstruction_inter": self.reconstruction(out.reconstruction_inter - x),
        }
        gates = [out.gates[name] for name in DialogueGate.NAMES]
        z, z_inter = out.z, out.z_inter
        if not self.data.fully_labelled:
            # Without a label a row takes part in the reconstruction and in nothing else.
            known = labels >= 0
            gates, z, z_inter = [gate[known] for gate in gates], z[known], z_inter[known]
        terms["gate"] = gate_regularisation(gates)
        if config.contrastive_weight > 0:
            terms["contrastive"] = info_nce(z, z_inter, config.contrastive_temperature)
        return terms

    def _conflict(self, terms: dict[str, Tensor], weights: dict[str, Tensor | float]) -> Tensor:
        """Cosine between the gradients of classification and reconstruction on the shared encoders, the
        effective weight, which is the ratio of their norms with the weights in force, and the norm of the former, which
        no weight scales. Three numbers, the first two NaN where undefined."""
        assert isinstance(self.model, GatedFusion)
        shared = self.model.shared_parameters()
        grads = []
        for name in ("classification", "reconstruction"):
            parts = torch.autograd.grad(terms[name], shared, retain_graph=True, allow_unused=True)
            grads.append(
                torch.cat(
                    [(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(parts, shared, strict=True)]
                )
            )
        norm_c, norm_r = grads[0].norm(), grads[1].norm()
        nan = torch.full_like(norm_c, math.nan)
        cosine = torch.where(norm_c * norm_r > 0, grads[0] @ grads[1] / (norm_c * norm_r), nan)
        scale = weights.get("reconstruction", 0.0) / weights.get("classification", 1.0)
        effective = torch.where(norm_c > 0, norm_r / norm_c * scale, nan)
        return torch.stack([cosine, effective, norm_c]).detach()

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly where this member stands; tensors and plain numbers only."""
        return {
            "model": self.model.state_dict(),
            "weighting": self.weighting.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, bit for bit."""
        self.model.load_state_dict(state["model"])
        self.weighting.load_state_dict(state["weighting"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        self.steps = int(state["steps"])


class OneByOne(dict[int, Member]):
    """Members by their position, trained one after the other within each batch."""

    rows_at_once = 4096
    """rows of a batch in evaluation"""

    def step(self, batches: Mapping[int, Batch]) -> None:
        """One step of every member on its batch."""
        for i, member in self.items():
            member.step(batches[i])

    def end_epoch(self) -> dict[int, Steps]:
        """What the steps since the last call measured."""
        found = {i: member.log.steps() for i, member in self.items()}
        for member in self.values():
            member.log = StepLog()
        return found

    def adapt(self, means: Mapping[int, Mapping[str, float]]) -> None:
        """Tell each member's weighting the epoch's mean of each unweighted term."""
        for i, member in self.items():
            member.weighting.end_epoch(means[i])

    def evaluate(self, batches: list[Batch], *, gates: bool = True) -> dict[int, Scores]:
        """Score every member on some rows."""
        return {i: evaluate(member.model, member.data, batches, gates=gates) for i, member in self.items()}

    def test(self, i: int, state: Mapping[str, Tensor], batches: list[Batch]) -> Scores:
        """Score a member in another state of its model on some rows."""
        # Back and forth rather than on a copy: a model of the user's own may hold tensors that cannot be copied.
        model = self[i].model
        now = snapshot(model)
        model.load_state_dict(state)
        scores = evaluate(model, self[i].data, batches)
        model.load_state_dict(now)
        return scores

    def snapshot(self, i: int) -> dict[str, Tensor]:
        """A copy of a member's model."""
        return snapshot(self[i].model)

    def keep(self, positions: Collection[int]) -> None:
        """Go on with these members only."""
        for i in [i for i in self if i not in positions]:
            del self[i]

    def state_dict(self) -> dict[int, dict[str, Any]]:
        """What each member needs to go on."""
        return {i: member.state_dict() for i, member in self.items()}

    def load_state_dict(self, states: Mapping[int, dict[str, Any]]) -> None:
        """Go on from such states, with these members only."""
        self.keep(states.keys())
        for i, member in self.items():
            member.load_state_dict(states[i])


class StepLog:
    """What the steps of one epoch left behind; kept on the device until the epoch ends."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.weights: list[dict[str, Tensor | float]] = []
        self.conflicts: list[Tensor] = []
        self.names: list[str] = []
        self.rate = math.nan

    def add(
        self,
        total: Tensor,
        norm: Tensor,
        terms: dict[str, Tensor],
        weights: dict[str, Tensor | float],
        rate: float,
    ) -> None:
        """Note one step; `total` and `norm` (before clipping) are scalars, so is each term, unweighted."""
        self.names = ["total", "norm", *terms]
        self.rows.append(torch.stack([total.detach(), norm, *(t.detach() for t in terms.values())]))
        self.weights.append({n: w.detach() if isinstance(w, Tensor) else w for n, w in weights.items()})
        self.rate = rate

    def steps(self) -> Steps:
        """The same as arrays, one value a step."""
        table = torch.stack(self.rows).double().cpu().numpy()
        conflicts = torch.stack(self.conflicts).double().cpu().numpy() if self.conflicts else np.zeros((0, 3))
        weights = {name: np.array([float(step[name]) for step in self.weights]) for name in self.weights[0]}
        return Steps(dict(zip(self.names, table.T, strict=True)), weights, conflicts, self.rate)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """The model's state as it is now: the live tensors go on changing under the optimiser."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def rate_factor(step: int, total: int, schedule: str) -> float:
    """Learning rate at a step as a share of its peak: a tenth of linear warm-up, then cosine to 0; or 1 throughout."""
    if schedule == "constant":
        return 1.0
    warm = max(1, total // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, total - warm)))

"""K members as one batched model: :class:`trainer.member.Member` with K in front of every shape.

Parameters are the rows of one matrix (K, P). Members share the input, the dropout masks and the position in the
learning rate schedule; everything else is a member's own, so that no member's numbers depend on who else is there.
Shapes: K members, n rows, D features, H hidden, C classes, T terms.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
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
from trainer.member import dropout_generator, initial_model, rate_factor
from trainer.metrics import Steps
from trainer.models.dropout import set_generator
from trainer.models.gated_fusion import Output
from trainer.models.gates import DialogueGate
from trainer.scores import Scores, score
from trainer.stacked import Layout, StackedConfig, Weights
from trainer.tensors import Batch, TensorData

# On some processors MKL otherwise chooses its code by where a matrix lies in memory, so that a member's bits would
# depend on its place in the stack. It looks when it is first used.
os.environ.setdefault("MKL_CBWR", "AUTO")

WEIGHTED = ("classification", "reconstruction", "gate", "contrastive")


@dataclass(frozen=True, slots=True)
class Group:
    """Members with the same weighting strategy."""

    index: Tensor
    """which rows of the stack (k,)"""
    strategy: weighting.Weighting


class Stack:
    """Trains K members at once; by position, as :class:`trainer.member.OneByOne`."""

    rows_at_once = 512
    """rows of a batch in evaluation: activations of K members should fit into a cache"""

    def __init__(
        self,
        configs: Mapping[int, LossConfig],
        data: TensorData,
        model: ModelConfig,
        training: TrainingConfig,
        seed: int,
        steps_per_epoch: int,
        noise: int = 0,
    ) -> None:
        self.data, self.training, self.steps_per_epoch = data, training, steps_per_epoch
        self.model_of_one = initial_model(data, model, seed)
        self.generator = dropout_generator(data, seed, noise)
        set_generator(self.model_of_one, self.generator)
        self.layout = Layout(self.model_of_one)
        shared = {id(p) for p in self.model_of_one.shared_parameters()}
        self.shared = [name for name, p in self.model_of_one.named_parameters() if id(p) in shared]
        self.balanced = data.class_weights()
        self.steps = 0
        first = self.layout.row(self.model_of_one.state_dict())
        self._arrange(configs, first.expand(len(configs), -1))

    def _arrange(self, configs: Mapping[int, LossConfig], rows: Tensor) -> None:
        """Lay out these members, whose parameters are all the same `rows` (K, P), with fresh optimisers."""
        # Side by side by loss type, so that each type is one slice.
        self.configs = dict(
            sorted(configs.items(), key=lambda item: (item[1].reconstruction_loss, item[1].weighting, item[0]))
        )
        every, like = list(self.configs.values()), self.data.x
        if len(every) == 1:
            # A product of a batch of one takes another kernel, which rounds differently: the last member has a double,
            # so that its bits do not change when the others are gone.
            every, rows = every * 2, rows.expand(2, -1)
        self.rows = nn.Parameter(rows.detach().clone())
        self.knobs = StackedConfig(every, like)
        weights = [self.balanced if c.class_weights == "balanced" else torch.ones_like(self.balanced) for c in every]
        self.class_weights = torch.stack(weights) if any(c.class_weights == "balanced" for c in every) else None
        self.reconstructions = []
        for name in sorted({c.reconstruction_loss for c in every}):
            alike = [c for c in every if c.reconstruction_loss == name]
            self.reconstructions.append((len(alike), reconstruction.make(StackedConfig(alike, like, trailing=2))))
        contrasted = [k for k, c in enumerate(every) if c.contrastive_weight > 0]
        self.contrasted = torch.tensor(contrasted, device=like.device) if contrasted else None
        self.groups = []
        for name in sorted({c.weighting for c in every}):
            index = [k for k, c in enumerate(every) if c.weighting == name]
            strategy = weighting.make(StackedConfig([every[k] for k in index], like)).to(like.device, like.dtype)
            self.groups.append(Group(torch.tensor(index, device=like.device), strategy))
        self.order = torch.cat([group.index for group in self.groups]).argsort()
        self.learned = [p for group in self.groups for p in group.strategy.parameters()]
        groups = [{"params": [self.rows], "weight_decay": self.training.weight_decay}]
        if self.learned:
            groups.append({"params": self.learned, "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, lr=self.training.learning_rate, fused=True)
        self.log = StackLog()

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.configs))

    def __len__(self) -> int:
        return len(self.configs)

    def step(self, batch: Batch) -> None:
        """One optimiser step of every member on the same batch."""
        self.model_of_one.train()
        x, labels = self.data.x[batch.rows], self.data.labels[batch.rows]
        w = self.layout.weights(self.rows)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training.amp and x.is_cuda):
            out = self.model_of_one.stacked(w, x, batch.lengths)
        parts = self.terms(out, x, labels)
        terms = dict(parts)
        terms["reconstruction"] = terms.pop("reconstruction_global") + terms.pop("reconstruction_inter")
        totals, weights = self._weigh(terms)
        every = self.training.conflict_every
        if every and self.steps % every == 0:
            self.log.conflicts.append(self._conflict(terms, weights, w))
        # No member's total depends on another's parameters: the gradient of the sum holds each member's own.
        gradient, *learned = torch.autograd.grad(totals.sum(), [self.rows, *self.learned])
        norms = torch.linalg.vector_norm(gradient, dim=1)
        self.rows.grad = gradient.mul_((self.training.clip_norm / (norms + 1e-6)).clamp(max=1.0).unsqueeze(1))
        for parameter, its in zip(self.learned, learned, strict=True):
            parameter.grad = its.contiguous()  # the fused optimiser ignores strides
        rate = self.training.learning_rate * rate_factor(
            self.steps, self.steps_per_epoch * self.training.epochs, self.training.schedule
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.steps += 1
        self.log.add(totals[self.order], norms, parts, weights, rate)

    def terms(self, out: Output, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The unweighted terms (K,); x (n, D), labels (n,). `contrastive` is 0 for members that do without."""
        terms = {
            "classification": focal(out.logits.transpose(1, 2), labels, self.knobs.focal_gamma, self.class_weights),
            "reconstruction_global": self._reconstruction(out.reconstruction_global - x.T),
            "reconstruction_inter": self._reconstruction(out.reconstruction_inter - x.T),
        }
        gates = [out.gates[name] for name in DialogueGate.NAMES]
        z, z_inter = out.z, out.z_inter
        if not self.data.fully_labelled:
            known = (labels >= 0).nonzero().squeeze(1)
            gates = [gate.index_select(2, known) for gate in gates]
            z, z_inter = z.index_select(2, known), z_inter.index_select(2, known)
        terms["gate"] = gate_regularisation(gates)
        if self.contrasted is not None:
            pair = [side.index_select(0, self.contrasted).transpose(1, 2) for side in (z, z_inter)]
            found = info_nce(pair[0], pair[1], self.knobs.contrastive_temperature[self.contrasted])
            terms["contrastive"] = torch.zeros_like(terms["gate"]).index_copy(0, self.contrasted, found)
        return terms

    def _reconstruction(self, residual: Tensor) -> Tensor:
        """residual (K, D, n) to (K,)."""
        parts = residual.split([count for count, _ in self.reconstructions])
        return torch.cat([loss(part) for part, (_, loss) in zip(parts, self.reconstructions, strict=True)])

    def _weigh(self, terms: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The totals (K,) in the order of the groups, and the weights in force (4, K) in the order of the rows."""
        table = torch.stack(list(terms.values()))
        totals, weights = [], []
        for group in self.groups:
            alike = dict(zip(terms, table.index_select(1, group.index).unbind(), strict=True))
            group.strategy.train()
            total, found = group.strategy(alike, self.steps / self.steps_per_epoch)
            zero = torch.zeros_like(total)
            totals.append(total)
            weights.append(torch.stack([zero + found[n] if n in found else zero for n in WEIGHTED]).detach())
        return torch.cat(totals), torch.cat(weights, dim=1)[:, self.order]

    def _conflict(self, terms: dict[str, Tensor], weights: Tensor, w: Weights) -> Tensor:
        """Cosine between the gradients of classification and reconstruction on the shared encoders, and the effective
        weight, as in :meth:`trainer.member.Member._conflict`; (2, K)."""
        shared = [w[name] for name in self.shared]
        grads = []
        for name in ("classification", "reconstruction"):
            parts = torch.autograd.grad(terms[name].sum(), shared, retain_graph=True, materialize_grads=True)
            grads.append(torch.cat([g.flatten(1) for g in parts], dim=1))
        norm_c, norm_r = (torch.linalg.vector_norm(g, dim=1) for g in grads)
        cosine = torch.where(norm_c * norm_r > 0, (grads[0] * grads[1]).sum(1) / (norm_c * norm_r), math.nan)
        scale = weights[WEIGHTED.index("reconstruction")] / weights[WEIGHTED.index("classification")]
        effective = torch.where(norm_c > 0, norm_r / norm_c * scale, math.nan)
        return torch.stack([cosine, effective]).detach()

    def end_epoch(self) -> dict[int, Steps]:
        """What the steps since the last call measured."""
        every = dict(zip(self.configs, self.log.steps(list(self.configs.values())), strict=True))
        self.log = StackLog()
        return {i: every[i] for i in self}

    def adapt(self, means: Mapping[int, Mapping[str, float]]) -> None:
        """Tell the weightings the epoch's mean of each unweighted term."""
        positions = list(self.configs)
        for group in self.groups:
            its = [means[positions[k % len(self)]] for k in group.index.tolist()]
            names = {name for mean in its for name in mean}
            group.strategy.end_epoch(
                {n: torch.tensor([mean.get(n, math.nan) for mean in its], dtype=torch.float64) for n in names}
            )

    def evaluate(self, batches: list[Batch], *, gates: bool = True) -> dict[int, Scores]:
        """Score every member on some rows."""
        every = dict(zip(self.configs, self._score(self.rows, batches, gates), strict=False))
        return {i: every[i] for i in self}

    def test(self, i: int, state: Mapping[str, Tensor], batches: list[Batch]) -> Scores:
        """Score a member in another state of its model on some rows."""
        return self._score(self.layout.row(state).expand(2, -1), batches, True)[0]

    def _score(self, rows: Tensor, batches: list[Batch], gates: bool) -> list[Scores]:
        self.model_of_one.eval()
        w = self.layout.weights(rows.detach())
        return score(lambda x, lengths: self.model_of_one.stacked(w, x, lengths), self.data, batches, gates=gates)

    def snapshot(self, i: int) -> dict[str, Tensor]:
        """A copy of a member's model, by the names that its parameters have in a model of one."""
        return self.layout.state(self.rows[self.row(i)])

    def row(self, i: int) -> int:
        """Where a member lies in the matrix."""
        return list(self.configs).index(i)

    def keep(self, positions: Collection[int]) -> None:
        """Go on with these members only; for them nothing changes."""
        if any(i not in positions for i in self):
            self.load_state_dict({i: state for i, state in self.state_dict().items() if i in positions})

    def state_dict(self) -> dict[int, dict[str, Any]]:
        """What each member needs to go on, in the form of :meth:`trainer.member.Member.state_dict`: a member may go on
        alone, or in another stack."""
        return {i: self._member_state(i) for i in self}

    def _member_state(self, i: int) -> dict[str, Any]:
        row = self.row(i)
        group, k = next((g, g.index.tolist().index(row)) for g in self.groups if row in g.index.tolist())
        strategy = {name: tensor[..., k].detach().clone() for name, tensor in group.strategy.state_dict().items()}
        moments: dict[int, dict[str, Tensor]] = {}
        count = len(self.layout.sizes)
        groups = self.optimizer.state_dict()["param_groups"]
        own = [{**groups[0], "params": list(range(count))}]
        if self.rows in self.optimizer.state:
            found = self.optimizer.state[self.rows]
            parts = [self.layout.state(found[name][row]).values() for name in ("exp_avg", "exp_avg_sq")]
            for j, (first, second) in enumerate(zip(*parts, strict=True)):
                moments[j] = {"step": found["step"].clone(), "exp_avg": first, "exp_avg_sq": second}
            for j, parameter in enumerate(group.strategy.parameters()):
                its = self.optimizer.state[parameter]
                both = {name: its[name][..., k].clone() for name in ("exp_avg", "exp_avg_sq")}
                moments[count + j] = {"step": its["step"].clone(), **both}
        learned = len(list(group.strategy.parameters()))
        if learned:
            own.append({**groups[1], "params": list(range(count, count + learned))})
        return {
            "model": self.snapshot(i),
            "weighting": strategy,
            "optimizer": {"state": moments, "param_groups": own},
            "generator": self.generator.get_state(),
            "steps": self.steps,
        }

    def load_state_dict(self, states: Mapping[int, dict[str, Any]]) -> None:
        """Go on from such states, with these members only; all of them stand at the same step."""
        if not states:
            self.configs = {}
            return
        self._arrange({i: self.configs[i] for i in states}, self.rows[: len(states)])
        ordered = [states[i] for i in self.configs]
        ordered += ordered[:1] * (len(self.rows) - len(ordered))
        device = self.data.device
        with torch.no_grad():
            self.rows.copy_(torch.stack([self.layout.row(state["model"]) for state in ordered]))
        moments = [state["optimizer"]["state"] for state in ordered]
        count = len(self.layout.sizes)
        if moments[0]:
            names = ("exp_avg", "exp_avg_sq")
            self.optimizer.state[self.rows] = {"step": moments[0][0]["step"].clone()} | {
                n: torch.stack([torch.cat([m[j][n].flatten() for j in range(count)]) for m in moments]).to(device)
                for n in names
            }
        for group in self.groups:
            members = group.index.tolist()
            its = [ordered[k]["weighting"] for k in members]
            group.strategy.load_state_dict({n: torch.stack([one[n] for one in its], dim=-1) for n in its[0]})
            for j, parameter in enumerate(group.strategy.parameters()) if moments[0] else ():
                own = [moments[k][count + j] for k in members]
                self.optimizer.state[parameter] = {"step": own[0]["step"].clone()} | {
                    n: torch.stack([one[n] for one in own], dim=-1).to(device) for n in names
                }
        self.generator.set_state(ordered[0]["generator"].cpu())
        self.steps = int(ordered[0]["steps"])


class StackLog:
    """What the steps of one epoch left behind, as :class:`trainer.member.StepLog`; K is the last dimension."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.weights: list[Tensor] = []
        self.conflicts: list[Tensor] = []
        self.names: list[str] = []
        self.rate = math.nan

    def add(self, totals: Tensor, norms: Tensor, terms: dict[str, Tensor], weights: Tensor, rate: float) -> None:
        """totals, norms and each term (K,); weights (4, K)."""
        self.names = ["total", "norm", *terms]
        self.rows.append(torch.stack([totals.detach(), norms, *(t.detach() for t in terms.values())]))
        self.weights.append(weights)
        self.rate = rate

    def steps(self, configs: list[LossConfig]) -> list[Steps]:
        """One Steps a member: only the terms that it has, only the weights that are in force."""
        table = torch.stack(self.rows).double().cpu().numpy()  # (steps, T + 2, K)
        weights = torch.stack(self.weights).double().cpu().numpy()  # (steps, 4, K)
        none = np.zeros((0, 2, table.shape[2]))
        conflicts = torch.stack(self.conflicts).double().cpu().numpy() if self.conflicts else none
        found = []
        for k, config in enumerate(configs):
            columns = dict(zip(self.names, table[:, :, k].T, strict=True))
            if config.contrastive_weight == 0:
                columns.pop("contrastive", None)
            base = weighting.built_in(config).base
            its = {n: weights[:, j, k] for j, n in enumerate(WEIGHTED) if base[n] > 0}
            found.append(Steps(columns, its, conflicts[:, :, k], self.rate))
        return found

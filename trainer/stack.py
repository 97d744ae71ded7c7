"""K members as one batched model: :class:`trainer.member.Member` with K in front of every shape.

Parameters are the rows of one matrix (K, P). Members of a cohort share the input, the dropout masks and the position in
the learning rate schedule; everything else is a member's own, so that no member's numbers depend on who else is there.
Shapes: K members, n rows, D features, H hidden, C classes, T terms.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
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
from trainer.optimizer import AdamW
from trainer.scores import Scores, score
from trainer.stacked import Layout, StackedConfig, gradients
from trainer.tensors import Batch, TensorData

# On some processors MKL otherwise chooses its code by where a matrix lies in memory, so that a member's bits would
# depend on its place in the stack. It looks when it is first used.
os.environ.setdefault("MKL_CBWR", "AUTO")

WEIGHTED = ("classification", "reconstruction", "gate", "contrastive")


@dataclass(slots=True)
class Cohort:
    """Members with one seed that stand at the same step: they share batches, dropout masks and the learning rate."""

    rows: slice
    """where they lie in the stack"""
    parameters: nn.Parameter
    """these rows of the matrix, in the same memory (k, P)"""
    generator: torch.Generator
    steps: int
    optimizer: AdamW = field(init=False)
    learned: list[nn.Parameter] = field(default_factory=list)
    """of their weightings"""


@dataclass(frozen=True, slots=True)
class Group:
    """Members of a cohort with the same weighting strategy."""

    rows: list[int]
    """which rows of the stack"""
    index: Tensor
    """the same on the device (k,)"""
    strategy: weighting.Weighting
    cohort: Cohort


class Stack:
    """Trains K members at once, those that have joined; by position, as :class:`trainer.member.OneByOne`."""

    rows_at_once = 512
    """rows of a batch in evaluation: activations of K members should fit into a cache"""

    def __init__(self, data: TensorData, model: ModelConfig, training: TrainingConfig, steps_per_epoch: int) -> None:
        self.data, self.model, self.training, self.steps_per_epoch = data, model, training, steps_per_epoch
        self.model_of_one = initial_model(data, model, 0)
        self.layout = Layout(self.model_of_one)
        shared = {id(p) for p in self.model_of_one.shared_parameters()}
        self.shared = [name for name, p in self.model_of_one.named_parameters() if id(p) in shared]
        self.balanced = data.class_weights()
        self.log = StackLog()
        self.configs: dict[int, LossConfig] = {}
        self.seeds: dict[int, tuple[int, int]] = {}

    def join(self, new: Mapping[int, tuple[LossConfig, int, int, Mapping[str, Any]]]) -> None:
        """Take members in between two epochs: config, seed, noise, and the `state_dict` that they go on from.

        For those that are there nothing changes.
        """
        states: dict[int, Mapping[str, Any]] = dict(self.state_dict())
        for i, (config, seed, noise, state) in new.items():
            self.configs[i], self.seeds[i] = config, (seed, noise)
            states[i] = state
        self.load_state_dict(states)

    def fresh(self, config: LossConfig, seed: int, noise: int) -> dict[str, Any]:
        """The state of a member before its first step."""
        return {
            "model": initial_model(self.data, self.model, seed).state_dict(),
            "weighting": weighting.make(config).state_dict(),
            "optimizer": {"state": {}},
            "generator": dropout_generator(self.data, seed, noise).get_state(),
            "steps": 0,
        }

    def _arrange(self, states: Mapping[int, Mapping[str, Any]]) -> list[int]:
        """Lay out these members, with fresh optimisers; returns the member of each row."""

        def cohort(i: int) -> tuple[int, ...]:
            return (*self.seeds[i], int(states[i]["steps"]))

        def place(i: int) -> tuple[Any, ...]:
            # Side by side by cohort and loss type, so that each of them is one slice.
            return (*cohort(i), self.configs[i].reconstruction_loss, self.configs[i].weighting, i)

        order = sorted(states, key=place)
        self.configs = {i: self.configs[i] for i in order}
        every, like = [self.configs[i] for i in order], self.data.x
        # States may come from a file, on the CPU, beside others that are on the device.
        self.rows = torch.stack([self.layout.row(states[i]["model"]).to(like.device, like.dtype) for i in order])
        self.gradient = torch.zeros_like(self.rows)
        self.weights = self.layout.leaves(self.rows, self.gradient)
        self.leaves = list(self.weights.named.values())
        self.knobs = StackedConfig(every, like)
        weights = [self.balanced if c.class_weights == "balanced" else torch.ones_like(self.balanced) for c in every]
        self.class_weights = torch.stack(weights) if any(c.class_weights == "balanced" for c in every) else None
        self.reconstructions = []
        for _, some in groupby(order, lambda i: (*cohort(i), self.configs[i].reconstruction_loss)):
            alike = [self.configs[i] for i in some]
            self.reconstructions.append((len(alike), reconstruction.make(StackedConfig(alike, like, trailing=2))))
        contrasted = [k for k, c in enumerate(every) if c.contrastive_weight > 0]
        self.contrasted = torch.tensor(contrasted, device=like.device) if contrasted else None
        self.cohorts, self.groups, end = list[Cohort](), list[Group](), 0
        for (*_, steps), some in groupby(order, cohort):
            members = list(some)
            at, end = end, end + len(members)
            generator = torch.Generator(like.device)
            generator.set_state(states[members[0]]["generator"].cpu())
            self.cohorts.append(Cohort(slice(at, end), nn.Parameter(self.rows[at:end]), generator, steps))
            self.cohorts[-1].parameters.grad = self.gradient[at:end]
            self._group(self.cohorts[-1], every)
        set_generator(
            self.model_of_one,
            self.cohorts[0].generator
            if len(self.cohorts) == 1
            else tuple((c.generator, c.rows.stop - c.rows.start) for c in self.cohorts),
        )
        self.order = torch.cat([group.index for group in self.groups]).argsort()
        self.learned = [p for cohort in self.cohorts for p in cohort.learned]
        return order

    def _group(self, cohort: Cohort, every: list[LossConfig]) -> None:
        """The weightings of a cohort and its optimiser."""
        like, rows = self.data.x, range(cohort.rows.start, cohort.rows.stop)
        for name in sorted({every[k].weighting for k in rows}):
            index = [k for k in rows if every[k].weighting == name]
            strategy = weighting.make(StackedConfig([every[k] for k in index], like)).to(like.device, like.dtype)
            self.groups.append(Group(index, torch.tensor(index, device=like.device), strategy, cohort))
            cohort.learned += strategy.parameters()
        groups = [{"params": [cohort.parameters], "weight_decay": self.training.weight_decay}]
        if cohort.learned:
            groups.append({"params": cohort.learned, "weight_decay": 0.0})
        cohort.optimizer = AdamW(groups, self.training.learning_rate)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.configs))

    def __len__(self) -> int:
        return len(self.configs)

    def step(self, batches: Mapping[int, Batch]) -> None:
        """One optimiser step of every member, each on its batch, which the members of a cohort share."""
        self._train(True)
        x, labels, lengths = self._inputs(batches)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training.amp and x.is_cuda):
            out = self.model_of_one.stacked(self.weights, x, lengths)
        parts = self.terms(out, x, labels)
        terms = dict(parts)
        terms["reconstruction"] = terms.pop("reconstruction_global") + terms.pop("reconstruction_inter")
        totals, weights = self._weigh(terms)
        every = self.training.conflict_every
        if every and self.cohorts[0].steps % self.steps_per_epoch % every == 0:
            self.log.conflicts.append(self._conflict(terms, weights))
        # No member's total depends on another's parameters: the gradient of the sum holds each member's own. It reaches
        # every parameter, so that what the step before left there is written over.
        learned = gradients(totals.sum(), self.leaves, self.learned)
        norms = torch.linalg.vector_norm(self.gradient, dim=1)
        self._clip(norms)
        for parameter, its in zip(self.learned, learned, strict=True):
            parameter.grad = its.contiguous()  # the fused optimiser ignores strides
        for cohort in self.cohorts:
            rate = self.training.learning_rate * rate_factor(
                cohort.steps, self.steps_per_epoch * self.training.epochs, self.training.schedule
            )
            for group in cohort.optimizer.param_groups:
                group["lr"] = rate
            cohort.optimizer.step()
            cohort.steps += 1
        self.log.add(totals, norms, parts, weights)

    def _clip(self, norms: Tensor) -> None:
        """Scale each member's gradient down to `clip_norm`; norms (K,)."""
        scale = (self.training.clip_norm / (norms + 1e-6)).clamp(max=1.0)
        if self.gradient.device.type != "cpu":  # to ask which ones would wait for the device
            self.gradient.mul_(scale.unsqueeze(1))
            return
        # Most steps clip few members, and a pass over all gradients costs as much as their norms.
        for row in (~(scale >= 1.0)).nonzero().flatten().tolist():
            self.gradient[row].mul_(scale[row])

    def _train(self, mode: bool) -> None:
        """As :meth:`torch.nn.Module.train`, which walks through all parts of a model: no thing to do every step."""
        if self.model_of_one.training != mode:
            self.model_of_one.train(mode)

    def _inputs(self, batches: Mapping[int, Batch]) -> tuple[Tensor, Tensor, Tensor]:
        """x (n, D), labels (n,) and lengths of a batch that all share; else x (K, n, D) and labels (K, n)."""
        members = list(self.configs)
        its = [batches[members[cohort.rows.start]] for cohort in self.cohorts]
        if len(its) == 1:
            return self.data.x[its[0].rows], self.data.labels[its[0].rows], its[0].lengths
        rows = torch.cat(
            [b.rows.expand(c.rows.stop - c.rows.start, -1) for b, c in zip(its, self.cohorts, strict=True)]
        )
        return self.data.x[rows], self.data.labels[rows], its[0].lengths

    def terms(self, out: Output, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The unweighted terms (K,); x (n, D), labels (n,), or (K, n, D) and (K, n).

        `contrastive` is 0 for members that do without.
        """
        terms = {
            "classification": focal(out.logits.transpose(1, 2), labels, self.knobs.focal_gamma, self.class_weights),
            "reconstruction_global": self._reconstruction(out.reconstruction_global - x.mT),
            "reconstruction_inter": self._reconstruction(out.reconstruction_inter - x.mT),
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
        """The totals (K,) and the weights in force (T, K), of the terms that there are in the order of WEIGHTED."""
        names = [name for name in WEIGHTED if name in terms]
        table = torch.stack([terms[name] for name in names])
        # The weights are numbers to the terms, whatever strategy finds them.
        seen = table.detach()
        columns, penalties = [], []
        for group in self.groups:
            alike = dict(zip(names, seen.index_select(1, group.index).unbind(), strict=True))
            found = group.strategy.weights(alike, group.cohort.steps / self.steps_per_epoch)
            zero = torch.zeros_like(alike["classification"])
            columns.append(torch.stack([zero + found.get(name, 0.0) for name in names]))
            extra = group.strategy.penalty(alike)
            penalties.append(zero if extra is None else extra)
        weights = torch.cat(columns, dim=1).index_select(1, self.order)
        totals = (table * weights).sum(0)
        if self.learned:
            totals = totals + torch.cat(penalties).index_select(0, self.order)
        return totals, weights.detach()

    def _conflict(self, terms: dict[str, Tensor], weights: Tensor) -> Tensor:
        """Cosine between the gradients of classification and reconstruction on the shared encoders, the effective
        weight, and the classification gradient's norm, as in :meth:`trainer.member.Member._conflict`; (3, K)."""
        shared = [self.weights[name] for name in self.shared]
        grads = []
        for name in ("classification", "reconstruction"):
            self.gradient.zero_()
            gradients(terms[name].sum(), shared, retain_graph=True)
            grads.append(torch.cat([leaf.grad.flatten(1) for leaf in shared if leaf.grad is not None], dim=1))
        norm_c, norm_r = (torch.linalg.vector_norm(g, dim=1) for g in grads)
        cosine = torch.where(norm_c * norm_r > 0, (grads[0] * grads[1]).sum(1) / (norm_c * norm_r), math.nan)
        scale = weights[WEIGHTED.index("reconstruction")] / weights[WEIGHTED.index("classification")]
        effective = torch.where(norm_c > 0, norm_r / norm_c * scale, math.nan)
        return torch.stack([cosine, effective, norm_c]).detach()

    def end_epoch(self) -> dict[int, Steps]:
        """What the steps since the last call measured."""
        rates = [c.optimizer.param_groups[0]["lr"] for c in self.cohorts for _ in range(c.rows.start, c.rows.stop)]
        every = dict(zip(self.configs, self.log.steps(list(self.configs.values()), rates), strict=True))
        self.log = StackLog()
        return {i: every[i] for i in self}

    def adapt(self, means: Mapping[int, Mapping[str, float]]) -> None:
        """Tell the weightings the epoch's mean of each unweighted term."""
        positions = list(self.configs)
        for group in self.groups:
            its = [means[positions[k]] for k in group.rows]
            names = {name for mean in its for name in mean}
            group.strategy.end_epoch(
                {n: torch.tensor([mean.get(n, math.nan) for mean in its], dtype=torch.float64) for n in names}
            )

    def evaluate(self, batches: list[Batch], *, gates: bool = True) -> dict[int, Scores]:
        """Score every member on some rows."""
        every = dict(zip(self.configs, self._score(self.rows, batches, gates), strict=True))
        return {i: every[i] for i in self}

    def test(self, i: int, state: Mapping[str, Tensor], batches: list[Batch]) -> Scores:
        """Score a member in another state of its model on some rows."""
        return self._score(self.layout.row(state)[None], batches, True)[0]

    def _score(self, rows: Tensor, batches: list[Batch], gates: bool) -> list[Scores]:
        self._train(False)
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
        group, k = next((g, g.rows.index(row)) for g in self.groups if row in g.rows)
        cohort, optimizer = group.cohort, group.cohort.optimizer
        strategy = {name: tensor[..., k].detach().clone() for name, tensor in group.strategy.state_dict().items()}
        moments: dict[int, dict[str, Tensor]] = {}
        count = len(self.layout.sizes)
        groups = optimizer.state_dict()["param_groups"]
        own = [{**groups[0], "params": list(range(count))}]
        if cohort.parameters in optimizer.state:
            found = optimizer.state[cohort.parameters]
            its_row = row - cohort.rows.start
            parts = [self.layout.state(found[name][its_row]).values() for name in ("exp_avg", "exp_avg_sq")]
            for j, (first, second) in enumerate(zip(*parts, strict=True)):
                moments[j] = {"step": found["step"].clone(), "exp_avg": first, "exp_avg_sq": second}
            for j, parameter in enumerate(group.strategy.parameters()):
                its = optimizer.state[parameter]
                both = {name: its[name][..., k].clone() for name in ("exp_avg", "exp_avg_sq")}
                moments[count + j] = {"step": its["step"].clone(), **both}
        learned = len(list(group.strategy.parameters()))
        if learned:
            own.append({**groups[1], "params": list(range(count, count + learned))})
        return {
            "model": self.snapshot(i),
            "weighting": strategy,
            "optimizer": {"state": moments, "param_groups": own},
            "generator": cohort.generator.get_state(),
            "steps": cohort.steps,
        }

    def load_state_dict(self, states: Mapping[int, Mapping[str, Any]]) -> None:
        """Go on from such states, with these members only; at the same step all of them, unless the stack mixes."""
        if not states:
            self.configs = {}
            return
        ordered = [states[i] for i in self._arrange(states)]
        if len(self.cohorts) > 1 and not self.data.mixes:
            raise ValueError("members at different steps need rows of one length, all labelled")
        for cohort in self.cohorts:
            self._load_moments(cohort, ordered)

    def _load_moments(self, cohort: Cohort, ordered: list[Mapping[str, Any]]) -> None:
        """ordered: the state of each row of the stack."""
        device, count, names = self.data.device, len(self.layout.sizes), ("exp_avg", "exp_avg_sq")
        moments = [state["optimizer"]["state"] for state in ordered]
        its = moments[cohort.rows]
        if its[0]:
            cohort.optimizer.state[cohort.parameters] = {"step": its[0][0]["step"].to(device, copy=True)} | {
                n: torch.stack([self.layout.join([m[j][n] for j in range(count)]).to(device) for m in its])
                for n in names
            }
        for group in (group for group in self.groups if group.cohort is cohort):
            strategies = [ordered[k]["weighting"] for k in group.rows]
            group.strategy.load_state_dict(
                {n: torch.stack([one[n].to(device) for one in strategies], dim=-1) for n in strategies[0]}
            )
            for j, parameter in enumerate(group.strategy.parameters()) if its[0] else ():
                own = [moments[k][count + j] for k in group.rows]
                cohort.optimizer.state[parameter] = {"step": own[0]["step"].to(device, copy=True)} | {
                    n: torch.stack([one[n].to(device) for one in own], dim=-1) for n in names
                }


class StackLog:
    """What the steps of one epoch left behind, as :class:`trainer.member.StepLog`; K is the last dimension."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.weights: list[Tensor] = []
        self.conflicts: list[Tensor] = []
        self.names: list[str] = []

    def add(self, totals: Tensor, norms: Tensor, terms: dict[str, Tensor], weights: Tensor) -> None:
        """totals, norms and each term (K,); weights (T, K), in the order of WEIGHTED."""
        self.names = ["total", "norm", *terms]
        self.rows.append(torch.stack([totals.detach(), norms, *(t.detach() for t in terms.values())]))
        self.weights.append(weights)

    def steps(self, configs: list[LossConfig], rates: list[float]) -> list[Steps]:
        """One Steps a member: only the terms that it has, only the weights in force; rates: of the last step."""
        table = torch.stack(self.rows).double().cpu().numpy()  # (steps, T + 2, K)
        weights = torch.stack(self.weights).double().cpu().numpy()  # (steps, T, K)
        none = np.zeros((0, 3, table.shape[2]))
        conflicts = torch.stack(self.conflicts).double().cpu().numpy() if self.conflicts else none
        found = []
        for k, config in enumerate(configs):
            columns = dict(zip(self.names, table[:, :, k].T, strict=True))
            if config.contrastive_weight == 0:
                columns.pop("contrastive", None)
            base = weighting.built_in(config).base
            its = {n: weights[:, j, k] for j, n in enumerate(WEIGHTED) if base[n] > 0}
            found.append(Steps(columns, its, conflicts[:, :, k], rates[k]))
        return found

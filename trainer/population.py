"""K members, which differ only in their loss knobs, trained side by side.

Either one after the other within each batch, or fused into one batched model. Both have the same methods and give the
same numbers up to rounding: a member in a population equals the member alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.knobs import Config
from trainer.member import ORDER_STREAM, Member, OneByOne, stream_seed
from trainer.metrics import EpochReport, Steps, class_metrics, divergence, score_metrics, step_metrics
from trainer.objective import Objective
from trainer.own.member import OwnMember
from trainer.own_config import OwnConfig, OwnModel
from trainer.scores import Scores
from trainer.stack import Stack
from trainer.tensors import (
    TEST,
    TRAIN,
    VALIDATION,
    Batch,
    TensorData,
    default_batch_size,
    epoch_batches,
    evaluation_batches,
    training_sample,
)


class Population:
    """Members with shared data, architecture, seed and batch order.

    configs: one a member; seed, for all or one a member: of initial weights, batch order and dropout (common random
    numbers where it is the same); noise, likewise: another number gives another batch order and other dropout masks,
    with the same initial weights; fused: as one batched model, which only the built-in model can be.

    Where batches differ in shape (not `data.mixes`), only members of one seed and epoch can be one model: an epoch is
    then trained by those that have trained the fewest, and the others wait until these have come as far.
    """

    def __init__(
        self,
        configs: Sequence[Config],
        data: TensorData,
        model: ModelConfig | OwnModel,
        training: TrainingConfig,
        *,
        seed: int | Sequence[int],
        noise: int | Sequence[int] = 0,
        objective: Objective | None = None,
        fused: bool = False,
    ) -> None:
        self.data, self.model, self.training = data, model, training
        self.objective = objective or Objective()
        self.batch_size = training.batch_size or default_batch_size(data.n_rows(TRAIN))
        self.steps_per_epoch = len(epoch_batches(data, self.batch_size, 0, 0))
        seeds, noises = ([n] * len(configs) if isinstance(n, int) else n for n in (seed, noise))
        self.seeds = dict(enumerate(zip(seeds, noises, strict=True)))
        self.epochs = dict.fromkeys(self.seeds, 0)
        """epochs that each member has trained"""
        self.configs = dict(enumerate(configs))
        self.members: OneByOne | Stack
        """those that train the next epoch"""
        self.waiting: dict[int, Mapping[str, Any]] = {}
        """where the others stand, as `state_dict` of a member"""
        if fused:
            assert isinstance(model, ModelConfig)
            stack = self.members = Stack(data, model, training, self.steps_per_epoch)
            self.waiting = {i: stack.fresh(_built_in(config), *self.seeds[i]) for i, config in self.configs.items()}
            self.gather()
        else:
            self.members = OneByOne((i, self._member(config, *self.seeds[i])) for i, config in self.configs.items())
        self.best = {i: Best() for i in self.configs}
        self.norms: dict[int, list[np.ndarray]] = {i: [] for i in self.configs}
        self._split_rows: dict[int, list[Batch]] = {}

    @property
    def alive(self) -> list[int]:
        """Positions of the members still in training, as they came in."""
        return sorted([*self.members, *self.waiting])

    def join(self, config: Config, seed: int, noise: int = 0, state: Mapping[str, Any] | None = None) -> int:
        """Take another member in; returns its position. For the others nothing changes.

        state: where it stands, as :func:`trainer.resume.states` has it under `training`, and its `epoch`.
        """
        i = len(self.seeds)
        self.configs[i], self.seeds[i] = config, (seed, noise)
        self.epochs[i] = int(state["epoch"]) if state else 0
        its = state["training"] if state else None
        if isinstance(self.members, Stack):
            self.waiting[i] = its["member"] if its else self.members.fresh(_built_in(config), seed, noise)
        else:
            self.members[i] = self._member(config, seed, noise)
            if its:
                self.members[i].load_state_dict(its["member"])
        self.best[i] = Best(**its["best"]) if its else Best()
        self.norms[i] = [np.asarray(row) for row in its["norms"]] if its else []
        return i

    def skip(self, seed: int, noise: int = 0) -> None:
        """Leave a position for a member that has ended already."""
        i = len(self.seeds)
        self.seeds[i], self.epochs[i] = (seed, noise), 0

    def gather(self) -> None:
        """Decide who trains the next epoch: all where they can be one model, else those that have trained least."""
        stack = self.members
        if not isinstance(stack, Stack):
            return
        cohorts: dict[tuple[Any, ...], list[int]] = {}
        for i in self.alive:
            cohorts.setdefault(() if self.data.mixes else (self.epochs[i], *self.seeds[i]), []).append(i)
        next_ones = set(cohorts[min(cohorts)])
        if next_ones != set(stack):
            standing = {**self.waiting, **stack.state_dict()}
            self.waiting = {i: state for i, state in standing.items() if i not in next_ones}
            stack.load_state_dict({})
            stack.join({i: (_built_in(self.configs[i]), *self.seeds[i], standing[i]) for i in sorted(next_ones)})

    def batches(self) -> list[dict[int, Batch]]:
        """The batches of the epoch that comes next: for each step, each member's. Who has trained as many epochs under
        the same seed has the same ones."""
        orders: dict[tuple[int, int, int], list[Batch]] = {}
        found: list[dict[int, Batch]] = [{} for _ in range(self.steps_per_epoch)]
        for i in self.members:
            seed, noise = self.seeds[i]
            key = (seed, noise, self.epochs[i])
            if key not in orders:
                order = stream_seed(seed, ORDER_STREAM, noise)
                orders[key] = epoch_batches(self.data, self.batch_size, order, self.epochs[i] + 1)
            for step, batch in zip(found, orders[key], strict=True):
                step[i] = batch
        return found

    def step(self, batches: Mapping[int, Batch]) -> None:
        """One step of every member on its batch."""
        self.members.step(batches)

    def run_epoch(self, between: Callable[[], None] = lambda: None) -> list[EpochReport]:
        """Train one epoch, evaluate, and report each member that took part; `between` is called after each step and may
        raise."""
        self.gather()
        batches = self.batches()
        started = time.perf_counter()
        for batch in batches:
            self.step(batch)
            between()
        elapsed = time.perf_counter() - started
        self.count()
        speed = len(self.members) * self.data.n_rows(TRAIN) / elapsed
        return self._reports(self.members.end_epoch(), speed)

    def count(self) -> None:
        """Note that every member that takes part has trained an epoch more."""
        for i in self.members:
            self.epochs[i] += 1

    def _reports(self, epoch: dict[int, Steps], speed: float) -> list[EpochReport]:
        found: dict[int, dict[str, float]] = {}
        means: dict[int, dict[str, float]] = {}
        for i, steps in epoch.items():
            found[i], norms = step_metrics(steps, self.training.clip_norm)
            self.norms[i].append(norms)
            means[i] = {n.removeprefix("loss/"): value for n, value in found[i].items() if n.startswith("loss/")}
        self.members.adapt(means)
        train = self.members.evaluate(self.rows(TRAIN), gates=False)
        validation = self.members.evaluate(self.rows(VALIDATION))
        return [self._report(i, found[i], train[i], validation[i], speed) for i in found]

    def _report(
        self, i: int, metrics: dict[str, float], train: Scores, validation: Scores, speed: float
    ) -> EpochReport:
        metrics |= score_metrics(train, validation, self.data.label_names)
        metrics["samples_per_second"] = speed
        diverged = divergence(metrics)
        value = self.objective.of(metrics)
        best = self.best[i]
        if diverged is None and (best.epoch == 0 or self.objective.better(value, best.value)):
            self.best[i] = Best(self.epochs[i], value, self.members.snapshot(i))
        return EpochReport(i, self.epochs[i], metrics, diverged)

    def _member(self, config: Config, seed: int, noise: int) -> Member:
        """A member of the kind that goes with the model."""
        if isinstance(self.model, OwnModel):
            assert isinstance(config, OwnConfig)
            return OwnMember(config, self.data, self.model, self.training, seed, self.steps_per_epoch, noise)
        return Member(_built_in(config), self.data, self.model, self.training, seed, self.steps_per_epoch, noise)

    def rows(self, split: int) -> list[Batch]:
        """The rows of a split on which members are scored, of the training rows a sample; in batches of their size."""
        if split not in self._split_rows:
            size = self.members.rows_at_once
            batches = training_sample(self.data, size) if split == TRAIN else evaluation_batches(self.data, split, size)
            self._split_rows[split] = batches
        return self._split_rows[split]

    def keep(self, positions: Collection[int]) -> None:
        """Go on with these members only; the others change nothing for them."""
        self.members.keep(positions)
        self.waiting = {i: state for i, state in self.waiting.items() if i in positions}

    def test(self, i: int) -> dict[str, float]:
        """Test scores of a living member at its best epoch on validation: test/<yardstick>, test_f1/<class>."""
        scores = self.members.test(i, self.best[i].state, self.rows(TEST))
        named = {f"test/{name}": value for name, value in scores.values.items()}
        return named | class_metrics("test_f1", scores, self.data.label_names)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly here; tensors, lists and plain numbers only."""
        return {
            "epochs": {i: self.epochs[i] for i in self.alive},
            "members": {**self.members.state_dict(), **self.waiting},
            "best": {i: {"epoch": b.epoch, "value": b.value, "state": b.state} for i, b in self.best.items()},
            "norms": {i: [norms.tolist() for norms in self.norms[i]] for i in self.norms},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` of a population with the same configs, data, settings and seed."""
        self.epochs |= state["epochs"]
        if isinstance(self.members, Stack):
            self.members.load_state_dict({})
            self.waiting = dict(state["members"])
        else:
            self.members.load_state_dict(state["members"])
        self.best = {i: Best(**best) for i, best in state["best"].items()}
        self.norms = {i: [np.array(norms) for norms in rows] for i, rows in state["norms"].items()}


def _built_in(config: Config) -> LossConfig:
    assert isinstance(config, LossConfig)
    return config


class Best:
    """The epoch that was best on validation, its value and the model's state then."""

    __slots__ = ("epoch", "state", "value")

    def __init__(self, epoch: int = 0, value: float = float("nan"), state: dict[str, Tensor] | None = None) -> None:
        self.epoch = epoch
        self.value = value
        self.state: dict[str, Tensor] = state or {}

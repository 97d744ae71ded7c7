"""K members, which differ only in their loss knobs, trained side by side on the same batches.

This implementation trains them one after the other within each batch. Whatever replaces it for speed keeps the same
methods and the same numbers: a member in a population equals the member alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.knobs import Config
from trainer.member import ORDER_STREAM, Member, StepLog, stream_seed
from trainer.metrics import EpochReport, class_metrics, divergence, score_metrics, step_metrics
from trainer.objective import Objective
from trainer.own.config import OwnConfig, OwnModel
from trainer.own.member import OwnMember
from trainer.scores import Scores, evaluate
from trainer.tensors import (
    TEST,
    TRAIN,
    VALIDATION,
    Batch,
    TensorData,
    default_batch_size,
    epoch_batches,
    evaluation_batches,
)


class Population:
    """Members with shared data, architecture, seed and batch order.

    configs: one a member; seed: of initial weights, batch order and dropout, the same for all members
    (common random numbers); noise: another number gives another batch order and other dropout masks, with the same
    initial weights.
    """

    def __init__(
        self,
        configs: Sequence[Config],
        data: TensorData,
        model: ModelConfig | OwnModel,
        training: TrainingConfig,
        *,
        seed: int,
        noise: int = 0,
        objective: Objective | None = None,
    ) -> None:
        self.data, self.model, self.training = data, model, training
        self.objective = objective or Objective()
        self.order_seed = stream_seed(seed, ORDER_STREAM, noise)
        self.batch_size = training.batch_size or default_batch_size(data.n_rows(TRAIN))
        steps = len(epoch_batches(data, self.batch_size, 0, 0))
        self.members: dict[int, Member] = {}
        for i, config in enumerate(configs):
            self.members[i] = _member(config, data, model, training, seed, steps, noise)
        self.best = {i: Best() for i in self.members}
        self.norms: dict[int, list[np.ndarray]] = {i: [] for i in self.members}
        self.epoch = 0
        self._train_rows = evaluation_batches(data, TRAIN)
        self._validation_rows = evaluation_batches(data, VALIDATION)

    @property
    def alive(self) -> list[int]:
        """Positions of the members still in training, as the population was started."""
        return list(self.members)

    def batches(self) -> list[Batch]:
        """The batches of the epoch that comes next."""
        return epoch_batches(self.data, self.batch_size, self.order_seed, self.epoch + 1)

    def step(self, batch: Batch) -> None:
        """One step of every member on the same batch."""
        for member in self.members.values():
            member.step(batch)

    def run_epoch(self, between: Callable[[], None] = lambda: None) -> list[EpochReport]:
        """Train one epoch, evaluate, and report each member; `between` is called after each step and may raise."""
        batches = self.batches()
        started = time.perf_counter()
        for batch in batches:
            self.step(batch)
            between()
        elapsed = time.perf_counter() - started
        self.epoch += 1
        speed = len(self.members) * self.data.n_rows(TRAIN) / elapsed
        return [self._report(i, member, speed) for i, member in self.members.items()]

    def _report(self, i: int, member: Member, speed: float) -> EpochReport:
        metrics, norms = step_metrics(member.log, self.training.clip_norm)
        member.log = StepLog()
        self.norms[i].append(norms)
        means = {name.removeprefix("loss/"): value for name, value in metrics.items() if name.startswith("loss/")}
        member.weighting.end_epoch(means)
        train = evaluate(member.model, self.data, self._train_rows)
        validation = evaluate(member.model, self.data, self._validation_rows)
        metrics |= score_metrics(train, validation, self.data.label_names)
        metrics["samples_per_second"] = speed
        diverged = divergence(metrics)
        value = self.objective.of(metrics)
        best = self.best[i]
        if diverged is None and (best.epoch == 0 or self.objective.better(value, best.value)):
            self.best[i] = Best(self.epoch, value, snapshot(member.model))
        return EpochReport(i, self.epoch, metrics, diverged)

    def keep(self, positions: Collection[int]) -> None:
        """Go on with these members only; the others change nothing for them."""
        for i in [i for i in self.members if i not in positions]:
            del self.members[i]

    def test(self, i: int) -> dict[str, float]:
        """Test scores of a living member at its best epoch on validation: test/<yardstick>, test_f1/<class>."""
        # Back and forth rather than on a copy: a model of the user's own may hold tensors that cannot be copied.
        model = self.members[i].model
        now = snapshot(model)
        model.load_state_dict(self.best[i].state)
        scores: Scores = evaluate(model, self.data, evaluation_batches(self.data, TEST))
        model.load_state_dict(now)
        named = {f"test/{name}": value for name, value in scores.values.items()}
        return named | class_metrics("test_f1", scores, self.data.label_names)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly here; tensors, lists and plain numbers only."""
        return {
            "epoch": self.epoch,
            "members": {i: member.state_dict() for i, member in self.members.items()},
            "best": {i: {"epoch": b.epoch, "value": b.value, "state": b.state} for i, b in self.best.items()},
            "norms": {i: [norms.tolist() for norms in self.norms[i]] for i in self.norms},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` of a population with the same configs, data, settings and seed."""
        self.epoch = int(state["epoch"])
        self.keep(state["members"].keys())
        for i, member in self.members.items():
            member.load_state_dict(state["members"][i])
        self.best = {i: Best(**best) for i, best in state["best"].items()}
        self.norms = {i: [np.array(norms) for norms in rows] for i, rows in state["norms"].items()}


def _member(
    config: Config,
    data: TensorData,
    model: ModelConfig | OwnModel,
    training: TrainingConfig,
    seed: int,
    steps: int,
    noise: int,
) -> Member:
    """A member of the kind that goes with the model."""
    if isinstance(model, OwnModel):
        assert isinstance(config, OwnConfig)
        return OwnMember(config, data, model, training, seed, steps, noise)
    assert isinstance(config, LossConfig)
    return Member(config, data, model, training, seed, steps, noise)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """The model's state as it is now: the live tensors go on changing under the optimiser."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


class Best:
    """The epoch that was best on validation, its value and the model's state then."""

    __slots__ = ("epoch", "state", "value")

    def __init__(self, epoch: int = 0, value: float = float("nan"), state: dict[str, Tensor] | None = None) -> None:
        self.epoch = epoch
        self.value = value
        self.state: dict[str, Tensor] = state or {}

"""One member whose model is a class of the user's own. Shapes: n rows, D features, C classes, S dialogues."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config import TrainingConfig
from trainer.errors import UserCodeError
from trainer.losses.focal import focal
from trainer.member import DROPOUT_STREAM, INIT_STREAM, Member, stream_seed
from trainer.own.load import model_class, users
from trainer.own_config import CLASSIFICATION, WEIGHT, OwnConfig, OwnModel
from trainer.tensors import TRAIN, Batch, TensorData, default_batch_size, epoch_batches
from trainer.weighting import Terms


@dataclass(frozen=True, slots=True)
class Rows:
    """What the user's `forward` gets: some rows, in training a batch of whole dialogues where there are any."""

    x: Tensor
    """(n, D) all views side by side, standardised with the statistics of the training rows"""
    views: dict[str, Tensor]
    """(n, d) each view by its name, standardised likewise"""
    lengths: Tensor
    """(S,) rows of each dialogue, in order, summing to n; ones where rows are independent. On the CPU"""
    labels: Tensor
    """(n,) int64, -1 without a label. In evaluation all are -1, so that no model can look"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the user's `forward` returned, checked."""

    logits: Tensor
    """(n, C)"""
    terms: dict[str, Tensor]
    """scalars by name"""
    reconstructions: tuple[Tensor, ...]
    """(n, D), at most one"""
    gates: dict[str, Tensor]
    """always empty"""


class Adapter(nn.Module):
    """The user's module behind the signature of the built-in one."""

    def __init__(self, own: nn.Module, data: TensorData) -> None:
        super().__init__()
        self.own = own
        self._views = dict(zip(data.view_names, data.widths, strict=True))
        self._classes = data.n_classes

    def forward(self, x: Tensor, lengths: Tensor, labels: Tensor | None = None) -> Answer:
        """x (n, D), lengths (S,) on the CPU, labels (n,) or None for none. Raises UserCodeError for a wrong answer."""
        if labels is None:
            labels = torch.full((len(x),), -1, dtype=torch.int64, device=x.device)
        views = dict(zip(self._views, x.split(list(self._views.values()), dim=1), strict=True))
        with users(self.own):
            if self.training:
                found = self.own(Rows(x, views, lengths, labels))
            else:
                # A model that draws at evaluation draws the same each time, and takes nothing from the training.
                with _stream(torch.Generator().manual_seed(0).get_state(), x.device):
                    found = self.own(Rows(x, views, lengths, labels))
        return self._checked(found, len(x), x.shape[1])

    def _checked(self, found: Any, n: int, width: int) -> Answer:
        expected = "expected (logits, terms) or (logits, terms, reconstruction)"
        if not isinstance(found, (tuple, list)) or len(found) not in (2, 3):
            raise self._wrong(f"{expected}; found {_kind(found)}")
        logits, terms, *rest = found
        self._shape("logits", logits, (n, self._classes))
        if not isinstance(terms, Mapping) or not all(isinstance(name, str) and name.isidentifier() for name in terms):
            raise self._wrong(f"{expected}, terms a mapping from name to scalar tensor; found {_kind(terms)}")
        for name, term in terms.items():
            if name in (CLASSIFICATION, "total"):
                raise self._wrong(f"the term {name!r} is computed from the logits by the tuner; name yours otherwise")
            if not isinstance(term, Tensor) or term.numel() != 1:
                raise self._wrong(f"term {name!r}: expected a scalar tensor, a mean over the rows say; {_found(term)}")
        reconstructions = tuple(r for r in rest if r is not None)
        for reconstruction in reconstructions:
            self._shape("reconstruction", reconstruction, (n, width))
        return Answer(logits, {name: term.reshape(()) for name, term in terms.items()}, reconstructions, {})

    def _shape(self, what: str, found: Any, shape: tuple[int, int]) -> None:
        if not isinstance(found, Tensor) or tuple(found.shape) != shape or not found.is_floating_point():
            raise self._wrong(f"{what}: expected a float tensor of shape {shape}; {_found(found)}")

    def _wrong(self, text: str) -> UserCodeError:
        return UserCodeError(f"{type(self.own).__name__}.forward: {text}")

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """The user's own state under their own names."""
        return self.own.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Likewise."""
        return self.own.load_state_dict(*args, **kwargs)


class OwnMember(Member):
    """Trains one OwnConfig: classification of the logits, by us, plus the model's own terms, each with its weight."""

    idle_parts_decay = False  # the model may have frozen parts

    def __init__(
        self,
        config: OwnConfig,
        data: TensorData,
        model: OwnModel,
        training: TrainingConfig,
        seed: int,
        steps_per_epoch: int,
        noise: int = 0,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(seed, INIT_STREAM))
            adapter = Adapter(_build(model, data), data).to(data.device)
        # The user's modules draw from the global generators: each member has its own states of them.
        generator = torch.Generator(data.device).manual_seed(stream_seed(seed, DROPOUT_STREAM, noise))
        self.random: Tensor = generator.get_state()
        self.names = self._first_look(adapter, data, training)
        unknown = [name for name in config.weights if name not in self.names]
        if unknown:
            raise UserCodeError(
                f"knob {unknown[0]}{WEIGHT}: {model.name} returned no term {unknown[0]!r}; "
                f"it returned: {', '.join(self.names) or 'none'}"
            )
        tasks = [name for name in self.names if name not in getattr(adapter.own, "regularisers", ())]
        base = {CLASSIFICATION: 1.0} | {name: config.weights.get(name, 1.0) for name in self.names}
        terms = Terms(base, (CLASSIFICATION, *tasks), tuple(tasks))
        self._prepare(adapter, config.shared, data, training, seed, steps_per_epoch, noise, terms)

    def _first_look(self, adapter: Adapter, data: TensorData, training: TrainingConfig) -> list[str]:
        """The names of the model's terms, from a batch that leaves no trace. Raises UserCodeError for a term that is
        not finite before any training: no weight could help it."""
        batch = epoch_batches(data, training.batch_size or default_batch_size(data.n_rows(TRAIN)), 0, 0)[0]
        state = {name: value.clone() for name, value in adapter.state_dict().items()}
        adapter.train()
        with torch.no_grad(), _stream(self.random, data.device):
            answer: Answer = adapter(data.x[batch.rows], batch.lengths, data.labels[batch.rows])
        adapter.load_state_dict(state)
        for name, term in {"logits": answer.logits, **answer.terms}.items():
            if not bool(term.isfinite().all()):
                what = "the logits are" if name == "logits" else f"term {name!r} is"
                raise adapter._wrong(f"{what} not finite on the first batch, before any training")
        return list(answer.terms)

    def step(self, batch: Batch) -> None:
        """One optimiser step on one batch."""
        with _stream(self.random, self.data.device) as after:
            super().step(batch)
            self.random = after()

    def losses(self, x: Tensor, labels: Tensor, lengths: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The classification loss and the model's own terms; logged as they are weighed."""
        answer: Answer = self.model(x, lengths, labels)
        if list(answer.terms) != self.names:
            assert isinstance(self.model, Adapter)
            raise self.model._wrong(
                f"expected the same terms in each batch: at first {', '.join(self.names) or 'none'}; "
                f"found {', '.join(answer.terms) or 'none'}. A term that a batch has nothing for is 0"
            )
        terms = {CLASSIFICATION: focal(answer.logits, labels, self.config.focal_gamma, self.class_weights)}
        terms |= {name: term.float() for name, term in answer.terms.items()}
        return terms, terms

    def _conflict(self, terms: dict[str, Tensor], weights: dict[str, Tensor | float]) -> Tensor:
        """Cosine between the gradients of classification and of all other terms as weighed, on the parameters that
        both reach, the ratio of their norms there, and the norm of the unweighted classification gradient. Three
        numbers, NaN where undefined."""
        nan = self.data.x.new_full((), math.nan)
        others = [terms[name] * weight for name, weight in weights.items() if name != CLASSIFICATION]
        both = (terms[CLASSIFICATION] * weights[CLASSIFICATION], torch.stack(others).sum() if others else nan)
        if not all(loss.requires_grad for loss in both):
            return torch.stack([nan, nan, nan])
        learned = [p for p in self.parameters if p.requires_grad]
        grads = [torch.autograd.grad(loss, learned, retain_graph=True, allow_unused=True) for loss in both]
        pairs = [(a.flatten(), b.flatten()) for a, b in zip(*grads, strict=True) if a is not None and b is not None]
        if not pairs:
            return torch.stack([nan, nan, nan])
        c, r = (torch.cat(side) for side in zip(*pairs, strict=True))
        norm_c, norm_r = c.norm(), r.norm()
        cosine = torch.where(norm_c * norm_r > 0, c @ r / (norm_c * norm_r), nan)
        ratio = torch.where(norm_c > 0, norm_r / norm_c, nan)
        unweighted = norm_c / weights[CLASSIFICATION]
        return torch.stack([cosine, ratio, torch.where(unweighted.isfinite(), unweighted, nan)]).detach()

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly where this member stands; tensors and plain numbers only."""
        return {**super().state_dict(), "random": self.random}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, with the random stream of the user's own code."""
        super().load_state_dict(state)
        self.random = state["random"].cpu()


def _build(model: OwnModel, data: TensorData) -> nn.Module:
    kind = model_class(model)
    with users(kind):
        own = kind(dict(zip(data.view_names, data.widths, strict=True)), data.n_classes, **model.arguments)
        if not any(p.requires_grad for p in own.parameters()):
            raise UserCodeError(f"{model.name} has no parameter to train")
    return own


@contextmanager
def _stream(state: Tensor, device: torch.device) -> Iterator[Any]:
    """Run a block on a state of the device's global generator, and put back what was there.

    Yields a function that gives the state as it has become.
    """

    def read() -> Tensor:
        return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()

    def write(new: Tensor) -> None:
        torch.cuda.set_rng_state(new, device) if device.type == "cuda" else torch.set_rng_state(new)

    before = read()
    write(state)
    try:
        yield read
    finally:
        write(before)


def _kind(found: Any) -> str:
    if isinstance(found, (tuple, list)):
        return f"{len(found)} values"
    return type(found).__name__


def _found(found: Any) -> str:
    if isinstance(found, Tensor):
        return f"found shape {tuple(found.shape)} of {str(found.dtype).removeprefix('torch.')}"
    return f"found {type(found).__name__}"

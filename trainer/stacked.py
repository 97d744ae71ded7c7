"""K members as one: their knobs as tensors, their parameters as the rows of one matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.config import KNOBS, LossConfig


class StackedConfig:
    """The knobs of K members under the names that a LossConfig has: numbers as tensors (K, 1, ...) with `trailing`
    ones, of the type and device of `like`; words where all members say the same, else not at all."""

    def __init__(self, configs: Sequence[LossConfig], like: Tensor, trailing: int = 0) -> None:
        self.count = len(configs)
        for name, knob in KNOBS.items():
            values = [config.value(name) for config in configs]
            if knob.kind != "word":
                setattr(self, name, like.new_tensor(values).reshape(-1, *[1] * trailing))
            elif len(set(values)) == 1:
                setattr(self, name, values[0])

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Weights(Mapping[str, Tensor]):
    """Stacked parameters of a module by the names that they have in it: `weight` (K, out, in), `bias` (K, out)."""

    def __init__(self, named: Mapping[str, Tensor], prefix: str = "") -> None:
        self.named, self.prefix = named, prefix

    def __getitem__(self, name: str) -> Tensor:
        return self.named[self.prefix + name]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self.prefix) for name in self.named if name.startswith(self.prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def of(self, child: str) -> Weights:
        """The parameters of a module within."""
        return Weights(self.named, f"{self.prefix}{child}.")


class Layout:
    """Where each parameter of a model lies in a row of P numbers."""

    def __init__(self, model: nn.Module) -> None:
        self.shapes = {name: p.shape for name, p in model.named_parameters()}
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]

    def row(self, state: Mapping[str, Tensor]) -> Tensor:
        """A model's state as one row (P,)."""
        return torch.cat([state[name].detach().flatten() for name in self.shapes])

    def state(self, row: Tensor) -> dict[str, Tensor]:
        """The inverse of `row`; tensors of their own."""
        parts = row.detach().split(self.sizes)
        return {n: part.reshape(shape).clone() for (n, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def weights(self, rows: Tensor) -> Weights:
        """Rows (K, P) as stacked parameters, through which gradients flow."""
        # One split has one backward: a slice a parameter would add a matrix of zeros for each.
        parts = rows.split(self.sizes, dim=1)
        return Weights({n: part.view(-1, *shape) for (n, shape), part in zip(self.shapes.items(), parts, strict=True)})


def linear(w: Weights, x: Tensor) -> Tensor:
    """`nn.Linear` of K members; x (K, in, n) or shared by all (in, n); returns (K, out, n)."""
    return affine(w["weight"], w["bias"], x)


def affine(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """weight (K, out, in) times x (K, in, n), or x shared by all (in, n), plus bias (K, out); returns (K, out, n)."""
    # One product a member for a shared input too: as fast as one large one, and no member's bits depend on K.
    product: Tensor = _Affine.apply(weight, bias, x if x.dim() == 3 else x.expand(len(weight), -1, -1))  # type: ignore[no-untyped-call]
    return product


class _Affine(torch.autograd.Function):
    """Autograd's own backward pass would sum the gradient as it happens to lie in memory. That depends on what else was
    computed, so a member's rounding would depend on the others' losses."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(weight, x)
        return torch.baddbmm(bias.unsqueeze(2), weight, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:  # type: ignore[override]
        weight, x = ctx.saved_tensors
        grad = grad.contiguous()
        to_x = weight.transpose(1, 2) @ grad if ctx.needs_input_grad[2] else None
        return grad @ x.transpose(1, 2), grad.sum(2), to_x


def layer_norm(w: Weights, x: Tensor) -> Tensor:
    """`nn.LayerNorm` of K members over the last dimension; x (K, ..., F)."""
    scale, shift = (w[name].reshape(len(x), *[1] * (x.dim() - 2), x.shape[-1]) for name in ("weight", "bias"))
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), scale)

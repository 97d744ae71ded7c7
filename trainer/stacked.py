"""K members as one: their knobs as tensors, their parameters as the rows of one matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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


LINE = 64
"""Bytes of a cache line. Products round by where matrices lie within one, so that those of each member begin
at a line: else its bits would depend on its place in the stack."""


class Layout:
    """Where each parameter of a model lies in a row of P numbers; each is filled up to whole cache lines."""

    def __init__(self, model: nn.Module) -> None:
        self.shapes = {name: p.shape for name, p in model.named_parameters()}
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.rooms = [size + -size % (LINE // 4) for size in self.sizes]

    def row(self, state: Mapping[str, Tensor]) -> Tensor:
        """A model's state as one row (P,)."""
        return self.join([state[name] for name in self.shapes])

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """One tensor a parameter, in their order, as one row (P,)."""
        filled = zip(parts, self.sizes, self.rooms, strict=True)
        return torch.cat([F.pad(part.detach().flatten(), (0, room - size)) for part, size, room in filled])

    def state(self, row: Tensor) -> dict[str, Tensor]:
        """The inverse of `row`; tensors of their own."""
        parts = self.weights(row.detach()[None]).named
        return {name: part[0].clone() for name, part in parts.items()}

    def weights(self, rows: Tensor) -> Weights:
        """Rows (K, P) as stacked parameters, through which gradients flow."""
        parts = zip(self.shapes.items(), rows.split(self.rooms, dim=1), self.sizes, strict=True)
        return Weights({name: part[:, :size].unflatten(1, shape) for (name, shape), part, size in parts})

    def leaves(self, rows: Tensor, gradient: Tensor) -> Weights:
        """Rows (K, P) as stacked parameters in their memory, with the same parts of `gradient` (K, P) as `grad`."""
        found = self.weights(rows.detach())
        for leaf, its in zip(found.named.values(), self.weights(gradient).named.values(), strict=True):
            leaf.requires_grad_().grad = its
        return found


def gradients(of: Tensor, leaves: Sequence[Tensor], others: Sequence[Tensor] = (), **options: Any) -> list[Tensor]:
    """Write the gradients of a scalar into the `grad` of leaves (:meth:`Layout.leaves`); returns those of the others.

    An affine map has written its own already; `grad` of what nothing reaches stays as it is.
    """
    found = torch.autograd.grad(of, [*leaves, *others], allow_unused=True, **options)
    for leaf, its in zip(leaves, found, strict=False):
        if its is not None:
            assert leaf.grad is not None
            leaf.grad.copy_(its)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(others, found[len(leaves) :], strict=True)]


def linear(w: Weights, x: Tensor, activation: str | None = None) -> Tensor:
    """`nn.Linear` of K members; x (K, in, n) or shared by all (in, n); returns (K, out, n)."""
    return affine(w["weight"], w["bias"], x, activation)


def affine(weight: Tensor, bias: Tensor, x: Tensor, activation: str | None = None) -> Tensor:
    """weight (K, out, in) times x (K, in, n), or x shared by all (in, n), plus bias (K, out); returns (K, out, n).

    activation: of ACTIVATIONS, or none.
    """
    # One product a member for a shared input too: as fast as one large one, and no member's bits depend on K.
    x = x if x.dim() == 3 else x.expand(weight.shape[0], -1, -1)
    product: Tensor = _Affine.apply(weight, bias, x, activation)  # type: ignore[no-untyped-call]
    return product


ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "tanh": (torch.tanh_, torch.ops.aten.tanh_backward),
    "relu": (torch.relu_, lambda grad, out: torch.ops.aten.threshold_backward(grad, out, 0.0)),
    "hardtanh01": (
        lambda x: F.hardtanh_(x, 0.0, 1.0),
        lambda grad, out: torch.ops.aten.hardtanh_backward(grad, out, 0.0, 1.0),
    ),
}
"""In place, and the gradient of the input from that of the output and the output itself."""


class _Affine(torch.autograd.Function):
    """An affine map and what follows it at once, which autograd would see as two.

    Autograd's own backward pass would sum the gradient as it happens to lie in memory. That depends on what else was
    computed, so a member's rounding would depend on the others' losses. A leaf's gradient goes straight to where it
    belongs: to gather those of all leaves in one matrix afterwards took a tenth of a step.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, x: Tensor, activation: str | None) -> Tensor:
        x = x if x.stride(0) == 0 else aligned(x)
        out = product(weight, x, bias.unsqueeze(2))
        ctx.into = (weight.grad, bias.grad) if weight.is_leaf else (None, None)
        ctx.activation = activation
        if activation is None:
            ctx.save_for_backward(weight, x)
            return out
        out = ACTIVATIONS[activation][0](out)
        ctx.save_for_backward(weight, x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        weight, x, *out = ctx.saved_tensors
        if out:
            grad = ACTIVATIONS[ctx.activation][1](grad, *out)
        grad = aligned(grad)
        to_x = product(weight.transpose(1, 2), grad) if ctx.needs_input_grad[2] else None
        to_weight, to_bias = ctx.into
        if to_weight is not None and to_bias is not None:
            # Not as `out` of the product, which then goes through the members one by one.
            to_weight.copy_(product(grad, x.transpose(1, 2)))
            torch.sum(grad, 2, out=to_bias)
            return None, None, to_x, None
        return product(grad, x.transpose(1, 2)), grad.sum(2), to_x, None


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """a (K, m, i) times b (K, i, n)."""
    product: Tensor = _Product.apply(a, b)  # type: ignore[no-untyped-call]
    return product


class _Product(torch.autograd.Function):
    """`torch.bmm` whose rounding depends on no member's place, backwards neither."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        a, b = aligned(a), aligned(b)
        ctx.save_for_backward(a, b)
        return product(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        a, b = ctx.saved_tensors
        grad = aligned(grad)
        return product(grad, b.mT), product(a.mT, grad)


def aligned(x: Tensor) -> Tensor:
    """x (K, a, b), copied where needed, such that each member's part is contiguous and begins at a cache line."""
    line = LINE // x.element_size()
    if x.shape[1] * x.shape[2] % line == 0:
        return x.contiguous()
    return _room(x, *x.shape[1:]).copy_(x)


def product(a: Tensor, b: Tensor, plus: Tensor | None = None) -> Tensor:
    """a (K, m, i) times b (K, i, n), plus (K, m, 1 or n); (K, m, n), aligned."""
    if a.shape[0] == 1:  # `len` of a tensor is ten times as slow
        # A batch of one takes another kernel, which rounds differently: the last member's products are made twice, so
        # that its bits do not change when the others are gone.
        return product(a.expand(2, -1, -1), b.expand(2, -1, -1), None if plus is None else plus.expand(2, -1, -1))[:1]
    out = _room(a, a.shape[1], b.shape[2])
    if plus is None:
        return torch.bmm(a, b, out=out)
    return torch.baddbmm(plus.expand(-1, -1, b.shape[2]), a, b, out=out)


def _room(like: Tensor, m: int, n: int) -> Tensor:
    """Uninitialised (K, m, n), each member's part at a cache line."""
    line = LINE // like.element_size()
    if m * n % line == 0:
        return like.new_empty(like.shape[0], m, n)
    padded = like.new_empty(like.shape[0], -(-m * n // line) * line)
    room: Tensor = padded[:, : m * n].unflatten(1, (m, n))
    return room


def layer_norm(w: Weights, x: Tensor) -> Tensor:
    """`nn.LayerNorm` of K members over the last dimension; x (K, ..., F)."""
    scale, shift = (w[name].reshape(len(x), *[1] * (x.dim() - 2), x.shape[-1]) for name in ("weight", "bias"))
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), scale)

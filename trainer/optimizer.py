"""The optimiser of members, one by one and stacked: torch's AdamW without the import of torch's compiler.

torch's optimisers import `torch._dynamo` when they are made and when they step, to keep themselves out of compiled
graphs: eight hundred modules, two to three seconds a process. Nothing that trains here compiles an optimiser.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import Any

import torch

_step = inspect.unwrap(torch.optim.Adam.step)


class AdamW(torch.optim.AdamW):
    """AdamW with one kernel for all of its parameters."""

    def __init__(self, groups: Iterable[dict[str, Any]], rate: float) -> None:
        _mark_as_excluded()
        super().__init__(groups, lr=rate, fused=True)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the parameters' gradients."""
        _step(self)


def _mark_as_excluded() -> None:
    """Fill in what `torch._disable_dynamo` (torch/_compile.py) would import the compiler for."""
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain

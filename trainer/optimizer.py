"""The optimiser of members, one by one and stacked: AdamW as one kernel for all parameters of a group.

It is torch's own kernel. torch's optimiser class around it imports `torch._dynamo` when it is made and when it steps,
to keep itself out of compiled graphs: eight hundred modules, two to three seconds a process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch


class AdamW(torch.optim.AdamW):
    """`torch.optim.AdamW(fused=True)`, step for step the same to the last bit.

    Source: Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], rate: float) -> None:
        _mark_as_excluded()
        super().__init__(groups, lr=rate, fused=True)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the parameters' gradients."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            states = [self._moments(p) for p in params]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1.0)
            torch._fused_adamw_(
                params,
                [p.grad for p in params],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _moments(self, p: torch.Tensor) -> dict[str, torch.Tensor]:
        """Number of steps and both running means of a parameter; zeros before its first step."""
        if not self.state[p]:
            self.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
        moments: dict[str, torch.Tensor] = self.state[p]
        return moments


def _mark_as_excluded() -> None:
    """Fill in what `torch._disable_dynamo` (torch/_compile.py) would import the compiler for."""
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain

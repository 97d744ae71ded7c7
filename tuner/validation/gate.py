"""A verdict as a check in CI: a stream of requests, each a candidate against a baseline, with one error rate for all.

The first request fixes what is compared and how: study, data, metric, margin, seeds, epochs. A later request with
something else is refused, and one with the same two configurations gets the answer that it got before, so that nobody
can ask again until the answer suits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tuner.errors import InputError

ALPHA = 0.05
"""How often a gate may fail a harmless change, over all requests that it is ever asked."""
VERSION = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has been answered."""

    baseline: dict[str, Any]
    """knobs"""
    candidate: dict[str, Any]
    validation: str
    """name of the validation with the runs"""
    difference: float
    """candidate minus baseline in the metric's unit"""
    seeds: int
    p_worse: float
    alpha: float
    """what this request could spend"""
    passed: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a gate has fixed, and its requests so far."""

    fixed: dict[str, Any]
    requests: tuple[Request, ...] = ()

    def answered(self, baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Request | None:
        """The answer to a request with the same two configurations."""
        same = (r for r in self.requests if r.baseline == baseline and r.candidate == candidate)
        return next(same, None)

    def check(self, fixed: Mapping[str, Any], file: Path) -> None:
        """Raise InputError where a request asks for something else than what the first one fixed."""
        for name, value in self.fixed.items():
            if fixed.get(name) != value:
                raise InputError(
                    f"--{name}: this gate was set up with {_shown(value)}; found {_shown(fixed.get(name))}. A gate "
                    f"keeps what its first request fixed; for another one, give it another --name or remove {file}"
                )


def alpha_of(k: int, alpha: float = ALPHA) -> float:
    """What the k-th request (from 1) may spend: `alpha / (k (k + 1))`, which adds up to alpha over all k.

    Alpha-spending over a stream of hypotheses, as in Foster and Stine 2008, Alpha-investing, without earnings.
    """
    return alpha / (k * (k + 1))


def p_worse(differences: Sequence[float] | np.ndarray, maximize: bool) -> float:
    """One-sided p of the paired t test that the candidate is worse; differences (seeds,): candidate minus baseline.

    0 or 1 where all differences are the same.
    """
    worse = -np.asarray(differences, float) if maximize else np.asarray(differences, float)
    if np.ptp(worse) == 0:
        return 0.0 if worse[0] > 0 else 1.0
    return float(stats.ttest_1samp(worse, 0.0, alternative="greater").pvalue)


def decide(
    ledger: Ledger,
    baseline: Mapping[str, Any],
    candidate: Mapping[str, Any],
    differences: np.ndarray,
    maximize: bool,
    validation: str,
) -> tuple[Ledger, Request]:
    """Answer a new request; returns the ledger with it. A gate fails a change that is shown to be worse."""
    alpha = alpha_of(len(ledger.requests) + 1)
    p = p_worse(differences, maximize)
    mean = float(np.mean(differences))
    request = Request(dict(baseline), dict(candidate), validation, mean, len(differences), p, alpha, p > alpha)
    return Ledger(ledger.fixed, (*ledger.requests, request)), request


def read(file: Path) -> Ledger | None:
    """The ledger in a file, None where there is none. Raises InputError where it is not one."""
    if not file.exists():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}")
        requests = tuple(Request(**request) for request in data["requests"])
        return Ledger(dict(data["fixed"]), requests)
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise InputError(
            f"{file} is not the ledger of a gate ({type(error).__name__}); what it has spent is unknown: restore the "
            "file, or set up a gate with another --name"
        ) from None


def write(file: Path, ledger: Ledger) -> None:
    """Write the ledger at once or not at all."""
    data = {"version": VERSION, "fixed": ledger.fixed, "requests": [asdict(request) for request in ledger.requests]}
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(file.name + ".new")
    beside.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, file)


def markdown(request: Request, number: int, metric: str, margin: float) -> str:
    """A summary for the page of a pull request."""
    changed = {k: (request.baseline.get(k), v) for k, v in request.candidate.items() if request.baseline.get(k) != v}
    rows = [f"| `{name}` | {_shown(old)} | {_shown(new)} |" for name, (old, new) in changed.items()]
    says = "not shown to be worse" if request.passed else "**worse**"
    return "\n".join(
        [
            f"### Loss weights: {'passed' if request.passed else 'failed'}",
            "",
            f"Over {request.seeds} paired seeds the candidate is {says}: {metric} {request.difference:+.4f} "
            f"(p = {request.p_worse:.3g}; request {number} of this gate may spend {request.alpha:.3g}; margin "
            f"{margin:g}).",
            "",
            "| knob | baseline | candidate |",
            "|---|---|---|",
            *(rows or ["| (none differs) | | |"]),
            "",
        ]
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

"""What every section of a report is made from: the result, the plan, the records, the language."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.report.document import Badge
from tuner.validation import measures
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL
from tuner.validation.report.numbers import percent_interval
from tuner.validation.report.strings import Words

TONES = {
    "better": "good",
    "supported": "good",
    "better by less": "same",
    "worse": "bad",
    "worse by less": "same",
    "refuted": "bad",
    "equivalent": "same",
    "more than claimed": "more",
}
"""Verdicts to classes of the style sheet; the rest is `open`."""
AT = "training_loss@"


@dataclass(frozen=True, slots=True)
class Source:
    """What every section is made from."""

    result: Mapping[str, Any]
    plan: Plan
    records: Mapping[str, Sequence[Mapping[str, Any]]] | None
    words: Words

    @property
    def base(self) -> str:
        """The baseline's name."""
        return next(iter(self.plan.arms))

    @property
    def sign(self) -> float:
        """-1 where a lower primary metric is better."""
        return 1.0 if measures.metric(self.plan.primary, self.plan.reported).higher_is_better else -1.0

    @property
    def data(self) -> str:
        """What the runs were of, as a name."""
        spec = self.plan.spec
        return "these runs" if spec.command else Path(spec.data.path).stem if spec.data.path else spec.data.source

    @property
    def margin(self) -> str:
        """As shown."""
        return f"{self.plan.margin:g}"

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Comparisons of all but the null arm."""
        return [c for c in self.result["comparisons"] if c["candidate"] != NULL]

    @property
    def null(self) -> dict[str, Any]:
        """The null arm's comparison."""
        return next(c for c in self.result["comparisons"] if c["candidate"] == NULL)

    def badge(self, verdict: str) -> Badge:
        """A verdict, worded and coloured."""
        return Badge(self.words(verdict, margin=self.margin), TONES.get(verdict, "open"))


def runs_of(s: Source, arm: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Curves of the runs that have one (seeds, epochs), and their differences from the baseline of the same seed.

    NaN after the end of a run that stopped early.
    """
    assert s.records is not None
    arms = {a: [curve_of(r, name) if name in r["curves"] else None for r in s.records[a]] for a in (arm, s.base)}
    epochs = max((len(c) for curves in arms.values() for c in curves if c is not None), default=0)

    def padded(curve: np.ndarray) -> np.ndarray:
        return np.pad(curve, (0, epochs - len(curve)), constant_values=math.nan)

    own = [padded(c) for c in arms[arm] if c is not None]
    pairs = zip(arms[arm], arms[s.base], strict=True)
    both = [padded(c) - padded(b) for c, b in pairs if c is not None and b is not None]
    return np.array(own), np.array(both)


def curve_of(record: Mapping[str, Any], name: str) -> np.ndarray:
    """A run's curve (epochs,), NaN where it has no value."""
    return np.array([math.nan if v is None else v for v in record["curves"][name]], dtype=float)


def claim_verdict(claim: Mapping[str, Any]) -> str:
    """The verdict on a claim, with `more than claimed` told apart from other claims that are not shown."""
    beyond = claim["ci"] is not None and claim["ci"][0] > claim["claimed"][1]
    return "more than claimed" if claim["verdict"] == "not shown" and beyond else str(claim["verdict"])


def interval_or_why(claim: Mapping[str, Any], epochs: int, words: Words) -> str:
    """The interval of a claim's change in percent, or why there is none."""
    return why(claim, epochs, words) if claim["why"] else percent_interval(claim["ci"])


def why(claim: Mapping[str, Any], epochs: int, words: Words) -> str:
    """What a claim has instead of an interval: why there is none."""
    return words(f"why {claim['why']}", epochs=epochs)


def epoch_of(claim: Mapping[str, Any]) -> int:
    """The epoch of a claim on a loss at an epoch, else 0."""
    return int(claim["metric"].removeprefix(AT)) if claim["metric"].startswith(AT) else 0

"""What is scale and what is shape: the control arm, and the effective weights."""

from __future__ import annotations

import math

from tuner.report.document import Block, Heading, Text
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL
from tuner.validation.report.numbers import interval, signed
from tuner.validation.report.sections.source import Source


def scale(s: Source) -> list[Block]:
    """What is scale and what is shape: the control arm, and the effective weights."""
    w, texts = s.words, []
    by_name = {c["candidate"]: c for c in s.candidates}
    plain, matched = (_smooth(s.plan, factor) for factor in (1.0, 2.0))
    if plain in by_name and matched in by_name:
        said = {
            f"{key}_difference": f"{signed(by_name[arm]['difference'])} [{interval(by_name[arm]['ci'])}]"
            for key, arm in (("plain", plain), ("matched", matched))
        }
        texts.append(w("scale", plain=plain, matched=matched, baseline=s.base, **said))
    weights = [
        f"`{name}` {arm['effective_weight']:.3g}"
        for name, arm in s.result["arms"].items()
        if arm["effective_weight"] is not None and (name in (s.base, NULL) or name in s.plan.candidates)
    ]
    if weights:
        texts.append(w("effective", weights=w.join(weights)))
    return [Heading(w("h_scale")), *map(Text, texts)] if texts else []


def _smooth(plan: Plan, factor: float) -> str | None:
    """The arm that is the baseline with SmoothL1 at so many times its weight."""
    base = next(iter(plan.arms.values())).knobs()
    if base.get("reconstruction_loss") != "mse" or "encoder_loss_weight" not in base:
        return None
    wanted = {**base, "reconstruction_loss": "smooth_l1"}
    wanted["encoder_loss_weight"] = factor * base["encoder_loss_weight"]
    for name, config in plan.arms.items():
        knobs = {k: v for k, v in config.knobs().items() if k in wanted}
        if all(v == wanted[k] or (k == "encoder_loss_weight" and math.isclose(v, wanted[k])) for k, v in knobs.items()):
            return name
    return None

"""The answer of a study in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sentence(answer: Mapping[str, Any] | None, titles: Mapping[int, str] | None = None) -> str:
    """What the study hands out and why, without Markdown; empty where no trial completed.

    answer: as in the summary; titles: a trial's name by its number.
    """
    if answer is None:
        return ""
    name = (titles or {}).get(answer["trial"], answer["from"])
    if answer["verdict"] == "better":
        return f"{name} beats the baseline: {evidence(answer)}."
    if answer["from"] == "baseline":
        return f"keep the baseline: {answer['reason']}" + (f" ({evidence(answer)})." if answer["race"] else ".")
    return f"{name}: {answer['reason']}."


def evidence(answer: Mapping[str, Any]) -> str:
    """The difference with its interval, the metric and the seeds."""
    if answer["difference"] is None:
        return f"{answer['seeds']} paired seeds"
    low, high = answer["ci"] or (None, None)
    interval = "" if low is None or high is None else f" [{low:+.4f}, {high:+.4f}]"
    what = f"{answer['metric'].replace('_', ' ')} over {answer['seeds']} fresh paired seeds"
    return f"{answer['candidate']} {answer['difference']:+.4f}{interval} of {what}"

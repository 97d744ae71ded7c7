"""What looks wrong with the runs themselves, whatever they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.report.diagnosis import Evidence, Run, diagnose
from tuner.report.document import Block, Heading, Items, Text
from tuner.validation.report.sections.source import Source, curve_of

NEEDED = ("train/cross_entropy", "val/cross_entropy", "val/weighted_f1")


def diagnosis(s: Source) -> list[Block]:
    """The rules of a study's diagnosis over each arm's runs; nothing where no run measured what they look at."""
    w, found, looked = s.words, dict[str, list[str]](), False
    for arm in (s.base, *s.plan.candidates):
        runs = [_run(r) for r in (s.records or {}).get(arm, []) if all(name in r["curves"] for name in NEEDED)]
        if runs:
            looked = True
            for finding in diagnose(Evidence(runs, max(runs, key=lambda run: run.value), len(runs))):
                found.setdefault(finding.id, []).append(f"`{arm}`")
    if not looked:
        return []
    if not found:
        return [Heading(w("h_diagnosis")), Text(w("nothing_wrong"))]
    return [Heading(w("h_diagnosis")), Items([w(f"finds {rule}", arms=w.join(arms)) for rule, arms in found.items()])]


def _run(record: Mapping[str, Any]) -> Run:
    train, loss, f1 = (curve_of(record, name).tolist() for name in NEEDED)
    return Run(max(f1), train, loss, f1, record["test"]["test/weighted_f1"])

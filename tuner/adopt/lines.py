"""Metric patterns from the lines that a script printed, where its code did not tell them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from tuner.adopt import logs
from tuner.adopt.logs import EPOCH, MEASURE, NOT_MEASURED, NUMBER
from tuner.adopt.model import Logged
from tuner.adopt.plan import Plan

PAIR = re.compile(rf"([A-Za-z][\w/ @\-]{{0,30}}?)(\s*[:=(]\s*|\s+)(?={NUMBER}(?![\w]))")


def learn(log: str, plan: Plan) -> Plan | None:
    """The plan with patterns for what the log repeats; None where it repeats nothing that looks like a measurement."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", log)
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()][:20_000]
    seen: Counter[tuple[str, str]] = Counter()
    for line in lines:
        for match in PAIR.finditer(line):
            label = re.split(r"\s{2,}|\d\s", match[1])[-1].strip()
            seen[(label, "".join(match[2].split()))] += 1
    found: dict[str, Logged] = {}
    epoch = ""
    for (label, mark), count in seen.items():
        plain = label.replace("_", " ").replace("/", " ")
        pattern = rf"(?<![\w/]){re.escape(label)}\s*{re.escape(mark)}\s*{NUMBER}".replace(r"\ ", r"\s+")
        if EPOCH.search(plain):
            epoch = epoch or pattern
        elif count > 1 and MEASURE.search(plain) and not NOT_MEASURED.search(plain):
            split = logs.split_of(label)
            name = "_".join(re.findall(r"[A-Za-z0-9]+", label)).lower()
            found.setdefault(f"{split}/{name}" if split and not name.startswith(split) else name, Logged(name, pattern))
    if not found:
        return None
    named = [replace(one, name=name) for name, one in found.items()]
    goal = logs.objective(named)
    assert goal is not None
    metrics = ({"epoch": epoch} if epoch else {}) | {one.name: one.pattern for one in named}
    note = "metrics: the patterns were made from lines that a short run printed, not from the code; check them"
    direction = "minimize" if logs.lower_is_better(goal.name) else "maximize"
    kept = tuple(n for n in plan.notes if not n.startswith("objective"))
    return replace(plan, metrics=metrics, objective=goal.name, direction=direction, notes=(*kept, note))

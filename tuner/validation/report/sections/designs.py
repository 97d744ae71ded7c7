"""The ladder and the factorial."""

from __future__ import annotations

from tuner.report.document import Badge, Block, Heading, Table, Text
from tuner.validation.report.numbers import interval, signed
from tuner.validation.report.sections.source import Source


def designs(s: Source) -> list[Block]:
    """The ladder and the factorial."""
    w, blocks = s.words, list[Block]()
    if s.result["ladder"]:
        rows: list[list[str | Badge]] = []
        for step in s.result["ladder"]:
            name = f"`{step['from']}` → `{step['to']}`"
            rows.append([name, signed(step["difference"]), interval(step["ci"]), s.badge(step["word"])])
        head = [w(k) for k in ("step", "difference", "ci", "reading")]
        blocks += [Heading(w("h_ladder")), Table(head, rows, frozenset({0, 3})), Text(w("ladder_note"), "note")]
    f = s.result["factorial"]
    if f:
        by_name = {c["candidate"]: c for c in s.result["comparisons"]}
        rows = []
        for part, key in (("first", "alone"), ("second", "alone"), ("both", "both")):
            c = by_name[f[part]]
            rows.append([w(key, arm=f[part]), signed(f[f"effect_{part}"]), interval(c["ci"]), s.badge(c["word"])])
        lo, hi = f["ci"]
        says = "sum more" if lo > 0 else "sum less" if hi < 0 else "sum equal"
        rows.append([w("interaction"), signed(f["interaction"]), interval(f["ci"]), Badge(w(says), "open")])
        head = ["", *(w(k) for k in ("difference", "ci", "reading"))]
        blocks += [Heading(w("h_factorial")), Table(head, rows, frozenset({0, 3}))]
    return blocks

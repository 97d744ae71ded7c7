"""Every claim: claimed, naive, measured, noise, verdict."""

from __future__ import annotations

from tuner.report.document import Badge, Block, Heading, Table, Text
from tuner.validation.report.numbers import percent, percents
from tuner.validation.report.sections.source import Source, claim_verdict, interval_or_why


def claims(s: Source) -> list[Block]:
    """Every claim: claimed, naive, measured, noise, verdict."""
    w = s.words
    if not s.result["claims"]:
        return []
    keys = ("claim", "metric", "claimed", "naive", "measured", "ci", "noise", "verdict")
    rows: list[list[str | Badge]] = []
    for c in s.result["claims"]:
        name = f"`{c['id']}`"
        if c["baseline"] != s.base:
            name += f" ({w('versus', candidate=c['candidate'], baseline=c['baseline'])})"
        ci = interval_or_why(c, s.result["epochs"], w)
        figures_ = [percent(c["naive"]), percent(c["measured"]), ci, percent(c["null"])]
        rows.append([name, w.metric(c["metric"]), percents(c["claimed"]), *figures_, s.badge(claim_verdict(c))])
    blocks: list[Block] = [Heading(w("h_claims")), Table([w(k) for k in keys], rows, frozenset({0, 1, 7}))]
    blocks += [Text(w("claims_note"), "note"), Text(w("claims_verdicts"), "note")]
    blocks.append(Text(w("claims_readings"), "note"))
    need = s.result["claims_need"]
    if need["seeds"] > s.result["seeds"]:
        few = w("claims_few", pairs=need["pairs"], seeds=s.result["seeds"], needs=need["seeds"])
        blocks.insert(1, Text(few, "warning"))
    if beyond := [f"`{c['id']}`" for c in s.result["claims"] if c["ceiling"]]:
        blocks.append(Text(w("claims_ceiling", claims=w.join(beyond))))
    if late := [f"`{n}` {a['censored']}/{a['runs']}" for n, a in s.result["arms"].items() if a["censored"]]:
        blocks.append(Text(w("censored", arms=w.join(late))))
    return blocks

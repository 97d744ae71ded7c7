"""The verdict, what noise does, what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.report.document import Block, Text
from tuner.validation.report.numbers import ends, signed
from tuner.validation.report.sections.source import Source, claim_verdict
from tuner.validation.report.strings import Words

ORDER = ("better", "better by less", "worse", "worse by less", "equivalent", "inconclusive")
CLAIM_ORDER = ("supported", "more than claimed", "refuted", "not shown")
NAMED, MOST_NAMED = ("supported", "more than claimed"), 5


def headline(s: Source) -> list[Block]:
    """The verdict, what noise does, what was compared."""
    w, found = s.words, s.candidates
    if len(found) == 1:
        lead = sentence(s.result, found[0]["candidate"], w) + ("。" if w.lang == "zh" else ".")
    else:
        groups = {v: [f"`{c['candidate']}`" for c in found if c["word"] == v] for v in ORDER}
        parts = [] if groups["better"] else [w("none better", baseline=s.base)]
        for verdict, names in groups.items():
            if names:
                parts.append(w(f"all {verdict}", names=w.join(names), baseline=s.base, margin=s.margin))
        lead = w("headline", seeds=s.result["seeds"], parts=w("separator").join(parts))
    if s.result["claims"]:
        told = []
        for verdict in CLAIM_ORDER:
            names = [f"`{c['id']}`" for c in s.result["claims"] if claim_verdict(c) == verdict]
            # What is supported is the news; of the rest the table tells.
            named = verdict in NAMED and len(names) <= MOST_NAMED
            if names:
                key = "count_named" if named else "count"
                told.append(w(key, n=len(names), verdict=w(verdict), **({"names": w.join(names)} if named else {})))
        lead += ("" if w.lang == "zh" else " ") + w(
            "headline_claims", all=len(s.result["claims"]), counts=w.join(told), data=s.data
        )
    null, epochs = s.null, s.plan.spec.training.epochs
    said = {"baseline": s.base, "difference": signed(null["difference"])}
    said |= {"lo": signed(ends(null["ci"])[0]), "hi": signed(ends(null["ci"])[1]), "verdict": w(null["verdict"])}
    alarm = null["verdict"] in ("better", "worse")
    facts = w("facts", seeds=s.result["seeds"], epochs=epochs, metric=w.metric(s.plan.primary), margin=s.margin)
    return [
        Text(lead, "lead"),
        Text(facts),
        Text(w("null_alarm" if alarm else "null_quiet", **said), "warning" if alarm else ""),
    ]


def sentence(result: Mapping[str, Any], candidate: str, words: Words) -> str:
    """The verdict on one arm in a sentence."""
    c = next(c for c in result["comparisons"] if c["candidate"] == candidate)
    what = words(f"is {c['word']}", candidate=candidate, baseline=c["baseline"], margin=f"{result['margin']:g}")
    lo, hi = ends(c["ci"])
    metric = words.metric(c["metric"])
    text = words("sentence", what=what, metric=metric, difference=signed(c["difference"]), lo=signed(lo), hi=signed(hi))
    if c["verdict"] == "inconclusive" and c["seeds_needed"]:
        text += words("would decide", seeds=c["seeds_needed"])
    arm = result["arms"][candidate]
    if arm["diverged"]:
        text += words("diverged_too", n=arm["diverged"], runs=arm["runs"])
    return text

"""The report of a validation, in Markdown and as one self-contained HTML page: verdict first, then the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.report.document import Document
from tuner.validation.plan import Plan
from tuner.validation.report import sections
from tuner.validation.report.numbers import percent
from tuner.validation.report.sections.source import interval_or_why
from tuner.validation.report.strings import LANGUAGES, Words

__all__ = ["CLAIM_COLUMNS", "LANGUAGES", "claim_rows", "markdown", "page", "report", "sentence"]

Records = Mapping[str, Sequence[Mapping[str, Any]]]


def sentence(result: Mapping[str, Any], candidate: str, lang: str = "en") -> str:
    """The verdict on one arm in a sentence."""
    return sections.sentence(result, candidate, Words(lang))


CLAIM_COLUMNS = ("claim", "claimed %", "naive %", "measured %", "95% CI", "verdict")


def claim_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """A row a claim by CLAIM_COLUMNS, as the terminal and a notebook show it; result: of `validate`."""
    words = Words("en")
    rows: list[list[str]] = []
    for claim in result["claims"]:
        low, high = claim["claimed"]
        changes = ["" if claim[k] is None else percent(claim[k]) for k in ("naive", "measured")]
        interval = interval_or_why(claim, result["epochs"], words)
        rows.append([claim["id"], f"{low:g} .. {high:g}", *changes, interval, claim["verdict"]])
    return rows


def report(
    result: Mapping[str, Any],
    plan: Plan,
    title: str | None = None,
    *,
    records: Records | None = None,
    lang: str = "en",
    command: str | None = None,
) -> Document:
    """The report as data: `.markdown()` and `.html()` write it.

    records: arm to one record a block; without them there are no curves and no table of losses. command: what repeats
    the validation.
    """
    words = Words(lang)
    s = sections.Source(result, plan, records, words)
    blocks = [
        *sections.headline(s),
        *sections.claims(s),
        *sections.forest(s),
        *sections.curves(s),
        *sections.dose_response(s),
        *sections.designs(s),
        *sections.document(s),
        *sections.scale(s),
        *sections.diverged(s),
        *sections.diagnosis(s),
        *sections.settings(s, command),
    ]
    return Document(title or words("title", data=_data_name(plan, words)), lang, blocks)


def markdown(result: Mapping[str, Any], plan: Plan, title: str | None = None, **rest: Any) -> str:
    """The whole report in Markdown; see `report`."""
    return report(result, plan, title, **rest).markdown()


def page(result: Mapping[str, Any], plan: Plan, title: str | None = None, **rest: Any) -> str:
    """The whole report as one HTML page; see `report`."""
    return report(result, plan, title, **rest).html()


def _data_name(plan: Plan, words: Words) -> str:
    if plan.spec.command is not None:
        words_of_it = plan.spec.command.split()
        return next((Path(word).name for word in words_of_it if word.endswith((".py", ".sh"))), words_of_it[0])
    name = Path(plan.spec.data.path).stem if plan.spec.data.path else plan.spec.data.source
    share = plan.spec.data.labels
    return name if share == 1.0 else words("labels_share", name=name, share=f"{share:.0%}")

"""A verdict as Python code and notebooks see it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.api.study import Study
from tuner.api.where import console, place_of
from tuner.errors import InputError
from tuner.report import frames
from tuner.report.document import Badge, Block, Items, Table, Text, fragment

if TYPE_CHECKING:
    import pandas


class Validation:
    """A verdict over fresh paired seeds. In a notebook it shows its sentences and the table of claims."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.result = dict(result)
        """what `tuner validate --json` prints"""

    @property
    def state(self) -> str:
        """`complete`, or `waiting` where it is only queued for workers; then there is no verdict yet."""
        return str(self.result.get("state", "complete"))

    @property
    def comparisons(self) -> pandas.DataFrame:
        """A row a candidate: difference from the baseline in the metric's unit, its interval, p values, verdict."""
        return frames.listed(self.result.get("comparisons", ()), "candidate")

    @property
    def claims(self) -> pandas.DataFrame:
        """A row a claim: what was claimed, what one reads off the weighted loss, what was measured, in percent."""
        return frames.listed(self.result.get("claims", ()), "id")

    @property
    def sentences(self) -> list[str]:
        """The verdict on each candidate in a sentence, the null arm's last."""
        from tuner.validation.report import sentence

        return [sentence(self.result, c["candidate"]) for c in self.result.get("comparisons", ())]

    def verdict(self, candidate: str | None = None) -> str:
        """better, worse, equivalent or inconclusive; candidate: an arm, by default the first.

        Raises InputError for an arm that was not compared, and before there is a verdict.
        """
        from tuner.errors import unknown

        found = {c["candidate"]: str(c["verdict"]) for c in self.result.get("comparisons", ())}
        name = next(iter(found), "") if candidate is None else candidate
        if name not in found:
            raise InputError(unknown("candidate", name, list(found)) if found else "there is no verdict yet: it waits")
        return found[name]

    @property
    def report(self) -> Path | None:
        """Its report, a page of its own; None while it waits."""
        return Path(self.result["report"]) if "report" in self.result else None

    def __repr__(self) -> str:
        name = self.result["name"]
        if self.state == "waiting":
            return f"<Validation {name}: {self.result['done']} of {self.result['queued']} seeds done>"
        return "\n".join([f"<Validation {name}: {self.result['seeds']} seeds>", *self.sentences])

    def _repr_html_(self) -> str:
        from tuner.validation.report import CLAIM_COLUMNS, claim_rows

        if self.state == "waiting":
            return fragment([Text(repr(self)[1:-1])])
        blocks: list[Block] = [Items(self.sentences)]
        rows: list[list[str | Badge]] = [list(row) for row in claim_rows(self.result)]
        return fragment([*blocks, *([Table(list(CLAIM_COLUMNS), rows, frozenset({0, 5}))] if rows else [])])


def validate(
    study: Study | str | Path | None = None,
    baseline: str | int | Path | None = None,
    candidate: str | int | Path | None = None,
    *,
    seeds: int | None = None,
    epochs: int | None = None,
    workers: int | None = None,
    data: str | Path | None = None,
    claims: str | Path | None = None,
    margin: float | None = None,
    until_decided: bool = False,
    dose_response: bool = True,
    lang: str = "en",
    device: str | None = None,
    detach: bool = False,
    state: str | Path | None = None,
    storage: str | None = None,
    tracking_uri: str | None = None,
    quiet: bool = False,
) -> Validation:
    """The verdict on a recommendation, or on one configuration against another, over fresh paired seeds.

    study: a `Study`, the name of one, or a study file; then it is made in that study's state. baseline, candidate: a
    plan's name, a trial's number, or a config file; both or neither. The others are those of `tuner validate`, and the
    same call again resumes, or shows the result again.

    Raises InputError for wrong input, RunError where workers failed.

    >>> from tuner import validate
    >>> found = validate(Study.open("my_study"), "baseline", "basic", seeds=6, epochs=2, quiet=True)
    >>> found.comparisons.loc["basic", ["baseline", "metric"]].tolist()
    ['baseline', 'final_performance']
    >>> found.verdict() in ("better", "worse", "equivalent", "inconclusive")
    True
    """
    from tuner.validation.options import ValidateOptions
    from tuner.validation.run import validate as run

    place = study._study.place if isinstance(study, Study) and state is None else place_of(state, storage, tracking_uri)
    name = study.name if isinstance(study, Study) else None if study is None else str(study)
    asked = ValidateOptions(
        study=name,
        baseline=_arm(baseline),
        candidate=_arm(candidate),
        seeds=seeds,
        epochs=epochs,
        workers=workers,
        data=None if data is None else str(data),
        claims=None if claims is None else str(claims),
        margin=margin,
        until_decided=until_decided,
        dose_response=dose_response,
        lang=lang,
        device=device,
        detach=detach,
    )
    with _following(quiet) as (say, look):
        result = run(place, asked, say=say, look=look)
    return Validation(result)


def _arm(given: str | int | Path | None) -> str | None:
    """A number as the command line names a trial; numpy's count too, as they come out of a data frame."""
    if given is None or isinstance(given, (str, Path)):
        return None if given is None else str(given)
    return f"trial:{int(given)}"


@contextmanager
def _following(quiet: bool) -> Iterator[tuple[Any, Any]]:
    """Progress of a validation: live in a terminal, else lines on standard output, which a notebook shows as they are.

    Standard error would be red there.
    """
    from tuner.validation.progress import following
    from tuner.validation.running import count

    if quiet or sys.stdout.isatty():
        with following(quiet, console()) as found:
            yield found
    else:
        yield print, count(print)

"""The report of a study: one page to mail to a colleague, with what was found first and the evidence below."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.report import note, plots
from tuner.report.document import Block, Code, Document, Figure, Fold, Heading, Items, Table, Text
from tuner.report.panel import key
from tuner.report.plots import pruned_at, response
from tuner.report.plots._view import View
from tuner.report.study import drawings
from tuner.spec import yaml
from tuner.spec.edit import spec_dict
from tuner.storage.record import TrialRecord, diverged, epochs_run, reason, titles
from tuner.study.study import Study
from tuner.study.summary import summarise

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

MOST_ROWS = 300
"""Trials in the table at most: the best ones."""
MOST_DRAWN = 300
"""Completed trials in a drawing, and as many that were stopped: a random share, so that the page stays small."""


def write(study: Study, summary: Mapping[str, Any]) -> Path:
    """Write the page and, for papers, each plot as PNG; returns the page."""
    page = study.report
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report(study, summary).html(), encoding="utf-8")
    plots.write(study, page.parent / "plots")
    return page


def report(study: Study, summary: Mapping[str, Any] | None = None) -> Document:
    """The report as data, of what the study has so far: `.html()` and `.markdown()` write it."""
    view = View.of(study)
    found = dict(summary or summarise(study))
    names = titles(view.done + view.pruned)

    def tip(trial: FrozenTrial) -> str:
        state = "completed" if trial.state.name == "COMPLETE" else f"stopped after {epochs_run(trial)} epochs"
        return f"{names.get(trial.number, f'#{trial.number}')}: {view.value(trial):.4f}, {state}"

    drawn = thinned(view)
    blocks = [*_lead(study, found, names), *_comparison(found)]
    if view.comparable:
        if drawn is not view:
            blocks.append(Text(f"Drawings show {len(drawn.done) + len(drawn.pruned)} trials, drawn by chance.", "note"))
        blocks += [
            *_history(drawn, tip),
            *_response(drawn, tip),
            *_importance(view),
            *_slices(drawn, tip),
            *_parallel(drawn, tip),
        ]
    blocks += [*_curves(drawn), *_pruned(view), *_details(study, view, found, names)]
    return Document(f"{study.name}: which loss weights?", "en", blocks)


def thinned(view: View) -> View:
    """The same view with a random share of its trials where there are many; those that stand out always stay."""
    chance = random.Random(0)

    def some(trials: list[FrozenTrial]) -> list[FrozenTrial]:
        kept = [t for t in trials if t is view.best or TrialRecord.of(t).plan]
        rest = [t for t in trials if t is not view.best and not TrialRecord.of(t).plan]
        return sorted([*kept, *chance.sample(rest, min(len(rest), MOST_DRAWN))], key=lambda t: t.number)

    if max(len(view.done), len(view.pruned)) <= MOST_DRAWN:
        return view
    return dataclasses.replace(view, done=some(view.done), pruned=some(view.pruned))


def _lead(study: Study, summary: dict[str, Any], titles: Mapping[int, str]) -> list[Block]:
    data = study.record.data
    about = f"Command: `{study.spec.command}`. "
    if data:
        views = data.shown_views("{name} ({width})")
        about = f"{data.name}: {data.rows} rows, {len(data.classes)} classes, views {views}. "
    about += (
        f"Trained {summary['epochs_run']} epochs of {summary['epochs_full']} "
        f"({note.saved(summary):.0%} saved by stopping hopeless trials early)."
    )
    state = [] if summary["state"] == "complete" else [Text(f"This study is {summary['state']}.", "warning")]
    verdicts = [Text(f"*Verdict over fresh seeds* ({v['name']}): {note.told(v)}") for v in summary["verdicts"]]
    description = [Text(study.spec.description)] if study.spec.description else []
    return [Text(note.lead(summary, titles), "lead"), *state, *verdicts, *description, Text(about)]


def _comparison(summary: dict[str, Any]) -> list[Block]:
    rows: list[Any] = [list(row) for row in note.comparison(summary)]
    if not rows:
        return []
    head = list(note.header(summary))
    return [Heading("Best against baseline and plans"), Table(head, rows, frozenset({0}))]


def _history(view: View, tip: drawings.Tip) -> list[Block]:
    legend = [("completed", "dot", "--c1"), ("best", "star", "--best"), ("best so far", "line", "--best")]
    legend += [("baseline", "dashes", "--c0")] if view.baseline else []
    legend += [("stopped early, best value until then", "ring", "--null")] if view.pruned else []
    caption = "Point at a mark to see the trial."
    if view.replicates.spread():
        caption += (
            f" Shaded: the baseline under {len(view.replicates.values)} other seeds, mean ± 2 standard deviations."
        )
    return [Heading("The search"), Figure([drawings.history(view, tip)], caption, key(*legend))]


def _response(view: View, tip: drawings.Tip) -> list[Block]:
    drawn = drawings.response_(view, tip)
    if not drawn:
        return []
    series = response.series(view)
    caption = (
        "Only values of the same epoch can be compared: at the first rung all trials have one, at the end only those "
        "that were not stopped. Dashed: the weights of the baseline and of the plans."
    )
    if any(one.trend for one in series):
        caption += " Line: a smooth trend (LOWESS); shaded: where 90% of its resamples lie."
    caption += " Other knobs differ between trials too; one weight after the other is what `tuner validate` trains."
    legend = [("completed", "dot", "--c1"), ("stopped early", "ring", "--null"), ("best", "star", "--best")]
    return [Heading(f"Which {series[0].knob}?"), Figure(drawn, caption, key(*legend))]


def _importance(view: View) -> list[Block]:
    found = drawings.importance_(view)
    if found is None:
        return []
    drawing, beyond = found
    said = f"Beyond chance: {', '.join(f'`{name}`' for name in beyond)}." if beyond else "No knob stands out yet."
    caption = (
        "Share of the importance of all knobs: where the best quarter of the trials lies against all of them "
        "(PED-ANOVA). Upright mark: 95% of shuffled results stay below; a grey bar is no more than chance gives."
    )
    return [Heading("What sets good trials apart"), Text(said), Figure([drawing], caption)]


def _slices(view: View, tip: drawings.Tip) -> list[Block]:
    legend = [("completed", "dot", "--c1"), ("best", "star", "--best"), ("baseline", "line", "--c0")]
    legend += [("plan basic", "dashes", "--c4")] if "basic" in (view.spec.plans or {}) else []
    legend += [("stopped early", "ring", "--null")] if view.pruned else []
    caption = f"{view.words()[0].upper()}{view.words()[1:]} by knob. A triangle at the edge: worse than the axis shows."
    return [Heading("Where good values lie"), Figure(drawings.slices_(view, tip), caption, key(*legend))]


def _parallel(view: View, tip: drawings.Tip) -> list[Block]:
    legend = [("best", "line", "--best"), ("baseline", "dashes", "--c0"), ("others", "line", "--c1")]
    caption = "Every completed trial as one line over all knobs; the stronger, the better."
    return [Heading("Trial by trial"), Figure([drawings.parallel_(view, tip)], caption, key(*legend))]


def _curves(view: View) -> list[Block]:
    drawn = drawings.curves(view) if view.done else []
    if not drawn:
        return []
    styles = view.styles()
    legend = [
        (styles[n].label, "line" if not dash else "dots" if dash == "2 3" else "dashes", color)
        for n, color, dash, _ in drawings.standing_out(view)[::-1]
    ]
    legend += [("80% of the completed trials", "band", "--c1"), ("other trials", "line", "--null")]
    caption = "Left: the objective. Right: a loss that no knob rescales; lower is better."
    return [Heading("How they learned"), Figure(drawn, caption, key(*legend))]


def _pruned(view: View) -> list[Block]:
    if not view.pruned or not view.done:
        return []
    legend = [("stopped at a rung", "dot", "--null")]
    legend += [("diverged", "dot", "--best")] if any(map(diverged, view.pruned)) else []
    legend += [("completed", "dot", "--c1")]
    search = view.spec.search
    rungs = ", ".join(map(str, pruned_at.rung_epochs(view)))
    caption = f"At the epochs {rungs} the best 1 in {search.reduction:g} go on; the baseline and the plans always do."
    heading = f"{len(view.pruned)} of {len(view.pruned) + len(view.done)} trials were stopped early"
    return [Heading(heading), Figure([drawings.pruned(view)], caption if rungs else "", key(*legend))]


def _details(study: Study, view: View, summary: dict[str, Any], titles: Mapping[int, str]) -> list[Block]:
    remarks = note.remarks(summary, study.spec)
    blocks: list[Block] = [Heading("Before you believe it"), Items(remarks)] if remarks else []
    record = study.record
    versions = ", ".join(f"{name} {number}" for name, number in record.versions.items())
    fingerprint = f"Data fingerprint `{record.data_fingerprint}`. " if record.data_fingerprint else ""
    commands = "\n".join(f"{command}  # {what}" for command, what in note.next_commands(summary))
    blocks += [
        Heading("Next"),
        Code(commands),
        Heading("Look it up"),
        Fold(f"All trials ({len(titles)})", [_table(view, summary, titles)]),
        Fold("The study file", [Code(yaml.dump(spec_dict(study.spec)), "yaml")]),
        Text(f"{fingerprint}Versions: {versions}.", "note"),
    ]
    terms = record.data.terms if record.data else ""
    return [*blocks, *([Text(terms, "note")] if terms else [])]


def _table(view: View, summary: dict[str, Any], titles: Mapping[int, str]) -> Table:
    sign = -1.0 if view.maximize else 1.0
    trials = sorted(
        (t for t in view.done + view.pruned if t.number in titles),
        key=lambda t: (t.state.name != "COMPLETE", sign * view.value(t) if view.value(t) == view.value(t) else 0.0),
    )
    test = note.test_metric(summary)
    rows: list[Any] = [
        [
            titles[t.number],
            t.state.name.lower(),
            note.number(view.value(t)),
            str(epochs_run(t)),
            note.number(TrialRecord.of(t).result.test.get(test)),
            reason(t),
        ]
        for t in trials[:MOST_ROWS]
    ]
    return Table(
        ["trial", "state", summary["metric"], "epochs", note.header(summary)[3], "why"], rows, frozenset({0, 1, 5})
    )

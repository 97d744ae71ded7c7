"""The story of a study in Markdown: the note of the parent run, and the end of `start` in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.config import BUILT_IN
from tuner.report import answer
from tuner.spec.model import Spec
from tuner.storage.record import WEIGHTED_F1, DataFacts

Row = tuple[str, str, str, str, str]


def comparison(summary: dict[str, Any]) -> list[Row]:
    """Rows of (who, trial, objective, test score, epochs to 95%): best, baseline, plans, logistic regression."""
    entries = {"best": summary["best"], "baseline": summary["baseline"], **summary["plans"]}
    rows = [
        (
            who,
            f"#{e['number']}",
            number(e["value"]),
            number(e.get("test", {}).get(test_metric(summary))),
            _epochs(e.get("measures", {})),
        )
        for who, e in entries.items()
        if e is not None and e["value"] is not None
    ]
    reference = summary["reference"]
    if reference:
        objective = number(reference["val/weighted_f1"]) if summary["metric"] == "val/weighted_f1" else ""
        rows.append(("logistic regression", "", objective, number(reference["test/weighted_f1"]), ""))
    return rows


def header(summary: dict[str, Any]) -> Row:
    """Column titles of `comparison`."""
    test = test_metric(summary)
    return ("", "trial", summary["metric"], "test weighted F1" if test == WEIGHTED_F1 else test, "epochs to 95%")


def test_metric(summary: dict[str, Any]) -> str:
    """The test score that is shown: weighted F1, or the first that a script reports; nothing where it reports none."""
    there = (summary["best"] or {}).get("test", {WEIGHTED_F1: None})
    return WEIGHTED_F1 if WEIGHTED_F1 in there else next(iter(there), "")


def remarks(summary: dict[str, Any], spec: Spec) -> list[str]:
    """What a reader must know before believing the best value."""
    found = []
    best, baseline, trials = summary["best"], summary["baseline"], summary["trials"]
    if summary["state"] == "failed":
        last = max((*summary["pruned"].items(), *summary["failed"].items()), default=(0, "no trial"))[1]
        found.append(
            f"No trial completed: {trials['pruned']} were stopped early, {trials['failed']} failed; "
            f"the last one: {last}."
        )
    found += summary.get("notes", [])
    for name in summary["at_edge"]:
        found.append(
            f"The best {name} ({show(best['params'][name])}) lies at the edge of its range "
            f"({spec.knobs[name].describe()}): widen the range before believing it."
        )
    values = (summary["replicates"] or {}).get("values", [])
    if best and baseline and baseline["value"] is not None and len(values) >= 2:
        spread = [*values, baseline["value"]]
        found.append(
            f"The baseline under {len(spread)} seeds gives {min(spread):.4f} .. {max(spread):.4f}: differences "
            "smaller than that are chance until a comparison over fresh seeds says otherwise."
        )
    found += [f"{f['text'][0].upper()}{f['text'][1:]}. Check: {f['check']}." for f in summary["diagnosis"]]
    return found


def next_commands(summary: dict[str, Any], options: str = "", program: str = "tuner") -> list[tuple[str, str]]:
    """(command, what it does); options: what every command needs; program: how the tuner is called."""
    name, best, baseline = summary["name"], summary["best"], summary["baseline"]
    commands = [
        ("status", name, "every trial's fate"),
        *([("export", f"{name} --format args", "the answer as flags; also yaml, json, html")] if best else []),
        ("ui", "", "browse curves, plots and the best model"),
        ("start", f"--name {name} --trials {2 * sum(summary['trials'].values())}", "search on"),
    ]
    raced = summary["answer"] and summary["answer"]["race"]
    if best and not raced:
        commands.insert(-1, ("race", name, "the best few against the baseline under fresh seeds: a proven answer"))
    if best and baseline and best["params"] != baseline["params"]:
        # A study may have a baseline of its own; the name is that of the recommendation.
        first = "baseline" if baseline["params"] == BUILT_IN.config({}).knobs() else f"trial:{baseline['number']}"
        arms = f"{name} --baseline {first} --candidate trial:{best['number']}"
        commands.insert(-1, ("validate", arms, "skill or luck: both again under fresh seeds"))
    return [(" ".join(f"{program} {verb} {rest}".split()) + options, what) for verb, rest, what in commands]


def lead(summary: dict[str, Any], titles: Mapping[int, str]) -> str:
    """What was found, in a sentence or two. titles: a trial's name by its number."""
    best, baseline, trials = summary["best"], summary["baseline"], summary["trials"]
    if best is None:
        return f"No trial completed: {trials['pruned']} were stopped early, {trials['failed']} failed."
    against = baseline and baseline["value"] is not None
    tried = f"{trials['complete'] + trials['pruned']} trials, {trials['pruned']} of them stopped early."
    known = summary["answer"]
    if known and known["race"]:
        said = answer.sentence(known, titles)
        return f"{said[0].upper()}{said[1:]} {tried}"
    if against and best["number"] == baseline["number"]:
        return f"No trial beats the baseline ({summary['metric']} {number(best['value'])}). {tried}"
    name = titles.get(best["number"], f"#{best['number']}")
    text = f"Best: `{name}`, {summary['metric']} {number(best['value'])}"
    if against:
        text += f"; the baseline {number(baseline['value'])}"
        if any(f["id"] == "no_knob_matters" for f in summary["diagnosis"]):
            text += ", a lead no larger than luck"
    return f"{text}. {tried} Not proven: no race over fresh seeds."


def markdown(
    summary: dict[str, Any],
    spec: Spec,
    data: DataFacts | None,
    titles: Mapping[int, str],
    pages: Mapping[str, str] | None = None,
    images: Sequence[str] = (),
) -> str:
    """The note of the parent run: the story first, since MLflow shows one line of it until it is opened.

    data: None where a script reads its own; titles: a trial's name by its number; pages: links by their words; images:
    addresses of plots.
    """
    lines = [f"**{lead(summary, titles)}**", ""]
    if pages:
        lines += [" · ".join(f"[{words}]({address})" for words, address in pages.items()), ""]
    for verdict in summary["verdicts"]:
        lines += [f"**Verdict** ([{verdict['name']}]({verdict['page']})): {told(verdict)}", ""]
    lines += ["## Best against baseline and plans", "", _row(header(summary)), "|" + " --- |" * 5]
    lines += [*(_row(row) for row in comparison(summary)), ""]
    if summary["best"]:
        found = telling(summary["best"]["params"], spec).items()
        lines += ["Best: " + ", ".join(f"`{knob}` {show(value)}" for knob, value in found), ""]
    found_out = remarks(summary, spec)
    if found_out:
        lines += ["## Before you believe it", "", *(f"- {text}" for text in found_out), ""]
    lines += [line for address in images for line in (f"![]({address})", "")]
    trials = summary["trials"]
    lines += ["## What was done", "", *([spec.description, ""] if spec.description else [])]
    lines += [
        f"**Command**: `{spec.command}`" if data is None else _data(data),
        "",
        f"**Trials**: {trials['complete']} completed, {trials['pruned']} pruned, {trials['failed']} failed; "
        f"{summary['epochs_run']} of {summary['epochs_full']} epochs trained ({saved(summary):.0%} saved by pruning)",
        "",
        "**Searched**: " + "; ".join(f"`{knob}` {rng.describe()}" for knob, rng in spec.knobs.items()),
        "",
    ]
    lines += ["## Next", "", *(f"- `{command}`: {what}" for command, what in next_commands(summary)), ""]
    return "\n".join(lines)


def _data(data: DataFacts) -> str:
    return (
        f"**Data**: {data.name}, {data.rows} rows ({' / '.join(map(str, data.split))} train / validation / "
        f"test, {data.labelled_train} training labels), "
        f"views {data.shown_views()}, {len(data.classes)} classes"
        + (f", {data.dialogues} dialogues" if data.dialogues else "")
        + (f". {data.terms}" if data.terms else "")
    )


def told(verdict: Mapping[str, Any], most: int = 4) -> str:
    """The sentences of a verdict, a few of them where there are many arms."""
    sentences = verdict["sentences"]
    more = [f"({len(sentences) - most} more in its report.)"] if len(sentences) > most else []
    return " ".join([*sentences[:most], *more])


def saved(summary: dict[str, Any]) -> float:
    """Share of the epochs that pruning saved."""
    return 1 - summary["epochs_run"] / summary["epochs_full"] if summary["epochs_full"] else 0.0


def telling(knobs: dict[str, Any], spec: Spec) -> dict[str, Any]:
    """The knobs that are searched or differ from their defaults."""
    usual = spec.vocabulary.defaults
    return {name: value for name, value in knobs.items() if name in spec.knobs or usual.get(name, value) != value}


def number(value: float | None) -> str:
    """Four decimals, or nothing."""
    return "" if value is None else f"{value:.4f}"


def show(value: Any) -> str:
    """A knob's value for people."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _epochs(measures: dict[str, float]) -> str:
    epochs = measures.get("convergence/epochs_to_95")
    if epochs is None:
        return ""
    return f"{epochs:.0f}" if measures.get("convergence/reached_95") else "not reached"


def _row(cells: Row) -> str:
    return "| " + " | ".join(cells) + " |"

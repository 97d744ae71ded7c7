"""The commented study file, and the page of findings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.adopt.model import Finding, Reading
from tuner.adopt.plan import Plan
from tuner.init.text import comment

TITLES = {
    "weightless": "No loss weight is an option",
    "fixed": "A weight that is no option",
    "inert": "Does nothing",
    "multiply": "Two weights that multiply",
    "scales": "A weight that also scales another term",
    "seed": "The seed",
    "test": "The best epoch is picked on test",
    "writes": "Writes outside its own folder",
    "resumes": "Goes on from another trial's checkpoint",
    "metrics": "What it reports",
    "objective": "The objective",
    "slow": "Not tried",
    "fails": "The run failed",
    "none": "Note",
}


def study(plan: Plan, findings: Sequence[Finding], invoked: str, file: Path, directory: str) -> str:
    """The study file."""
    lines = [
        comment(f"Written by `{invoked}`: what it found is in {file.with_suffix('.md').name}."),
        "# Everything here may be changed; `tuner start` says on which line something is wrong.",
        f"# Run it with: tuner start {file}",
    ]
    lines += [f"#\n{comment(f'Look at this first. {TITLES[f.kind]}: {f.text}.')}" for f in findings]
    lines += ["", "command: >-", *(f"  {line}" for line in _wrapped(plan.command)), ""]
    lines += _section(plan, directory)
    lines += [
        "",
        *(comment(f"Check this: {note}.") for note in plan.notes),
        f"objective: {_quoted(plan.objective)}",
        f"direction: {plan.direction}",
        f"training: {{epochs: {plan.epochs}}}",
        "search: {trials: 40}",
        "",
        "knobs:",
    ]
    for one in plan.knobs:
        lines += [comment(f"{one.why}.", 2), f"  {one.option.name}: {_flow(one.range)}"]
    lines += [comment(f"Not searched: {name}: {why}.", 2) for name, why in plan.left_out.items()]
    lines += ["", "# What the script is run with today. It is enqueued first."]
    lines += ["baseline:", *(f"  {k.option.name}: {_value(k.baseline)}" for k in plan.knobs)]
    if not plan.has_seed:
        lines += ["", "# The script takes no seed: luck cannot be told from effect, and `validate` refuses."]
    lines += ["", f"seed: {plan.seed}", ""]
    return "\n".join(lines)


def _section(plan: Plan, directory: str) -> list[str]:
    lines = []
    if directory != ".":
        lines.append(f"  directory: {_quoted(directory)}")
    if plan.config:
        lines.append(f"  config: {_quoted(plan.config)}")
    if plan.isolate:
        lines.append("  # Each trial runs in a folder of its own in which the script's files appear as links.")
        lines.append(f"  isolate: {_value(list(plan.isolate) if isinstance(plan.isolate, tuple) else True)}")
    if plan.tensorboard:
        lines.append(f"  tensorboard: {json.dumps(plan.tensorboard)}")
    if plan.metrics:
        lines.append("  # A line of the output is searched for each of these; the group is the number.")
        lines.append("  metrics:")
        lines += [f"    {_quoted(name)}: {_single(pattern)}" for name, pattern in plan.metrics.items()]
    return ["script:", *lines] if lines else []


def _wrapped(command: str, width: int = 110) -> list[str]:
    """Lines that a folded scalar puts together again: broken at single spaces outside of quotes and braces."""
    lines, line, depth, quote = [], "", 0, ""
    for word in re.split(r" ", command):
        if line and depth == 0 and not quote and word and len(line) + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
        for character in word:
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            else:
                depth += (character == "{") - (character == "}")
    return [*lines, line]


def _flow(given: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{k}: {_value(v)}" for k, v in given.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value!r}"
        return text if "e" not in text or "." in text.split("e")[0] else text.replace("e", ".0e")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z][\w/.]*", text) and text.lower() not in _WORDS else json.dumps(text)


_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"])


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def page(
    script: str,
    invoked: str,
    reading: Reading,
    plan: Plan,
    findings: Sequence[Finding],
    tried: Sequence[str],
    file: Path,
) -> str:
    """The page of findings, in Markdown."""
    lines = [f"# {script}, adopted", "", f"By `{invoked}`. The study file is `{file.name}`.", "", "## Findings", ""]
    lines += [
        f"- **{TITLES[f.kind]}**: {_plain(f.text)}{f' ({f.where})' if f.where else ''}"
        f"{'; tried' if f.tried else '; read'}"
        for f in findings
    ] or ["None."]
    lines += ["", "## The loss", "", "| term | where | weighed by | also changed by |", "|---|---|---|---|"]
    lines += [
        f"| `{_cell(t.text)}` | {t.where} | {' x '.join(t.weights) or '1'} | {', '.join(sorted(t.shapes)) or '-'} |"
        for t in reading.terms[:30]
    ]
    lines += ["", "## Knobs", "", "| knob | flag | today | searched | why |", "|---|---|---|---|---|"]
    lines += [
        f"| {k.option.name} | `{k.option.flag or k.option.off}` | {_value(k.baseline)} | {_cell(_flow(k.range))} "
        f"| {_cell(k.why)} |"
        for k in plan.knobs
    ]
    lines += [f"| {n} | | | not | {_cell(w)} |" for n, w in plan.left_out.items()]
    lines += ["", "## What it reports", ""]
    lines += [f"- `{name}`: `{pattern}`" for name, pattern in plan.metrics.items()] or [
        "- no pattern is needed or found"
    ]
    lines += [f"- searched by: {plan.objective}, {plan.direction}"]
    lines += ["", "## Guessed: check this", "", *([f"- {_plain(n)}" for n in plan.notes] or ["Nothing."])]
    lines += ["", "## Tried", "", *([f"- {_plain(t)}" for t in tried] or ["Nothing was run."])]
    lines += ["", f"Read: {', '.join(reading.files)}. Options by {', '.join(reading.styles) or 'nothing'}.", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return text.replace("\n", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")


def relative(path: Path, file: Path) -> str:
    """A folder as the study file has it."""
    there, here = path.resolve(), file.resolve().parent
    shown = os.path.relpath(there, here)
    return str(there) if shown.startswith("..") and shown.count("..") > 2 else shown

"""`tuner adopt` from a script to a checked study file and a page of findings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields
from pathlib import Path

from tuner.adopt import lines as from_lines
from tuner.adopt import plan as plans
from tuner.adopt import reading as reader
from tuner.adopt import text, trying
from tuner.adopt.model import Finding, Reading
from tuner.adopt.plan import Plan
from tuner.errors import InputError
from tuner.init import text as writing
from tuner.spec import file as study_file


@dataclass(frozen=True)
class Adopted:
    """What became of a script."""

    file: Path
    page: Path
    reading: Reading
    plan: Plan
    findings: tuple[Finding, ...]
    tried: tuple[str, ...]


def adopt(
    script: Path,
    arguments: Sequence[str] = (),
    *,
    output: Path | None = None,
    device: str | None = None,
    run: Callable[[str], bool] = lambda command: True,
    say: Callable[[str], None] = lambda text: None,
) -> Adopted:
    """Read a script, try it where `run` agrees to its command, and write the study file and the page beside it.

    output: the study file, default the script's name in the current folder. Raises InputError, in one sentence, for
    what is no script, has nothing to tune, or where the file exists.
    """
    reading = reader.read(script, arguments)
    file = writing.output(output or Path(f"{_name(script)}.yaml"))
    page = file.with_suffix(".md")
    if page.exists():
        raise InputError(f"{page} exists; choose another name with --output")
    folder, called = _place(script)
    plan = plans.isolated(plans.make(reading, called, arguments), reading, reading.findings)
    if plan.config:
        plan = with_fields(plan, config=text.relative(Path(plan.config), file))
    invoked = shlex.join(["tuner", "adopt", str(script), *arguments])
    directory = text.relative(folder, file)
    writing.write(file, text.study(plan, reading.findings, invoked, file, directory))
    try:
        plan, findings, said = _try(file, plan, reading, device, run, say)
        file.unlink()
        writing.write(file, text.study(plan, findings, invoked, file, directory))
        study_file.load(str(file))  # what was written is a study
        writing.write(page, text.page(str(script), invoked, reading, plan, findings, said, file))
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return Adopted(file, page, reading, plan, tuple(findings), tuple(said))


def _name(script: Path) -> str:
    """Of the study: the script's, or its folder's where that says more."""
    common = script.stem in ("train", "main", "run", "run_train", "__main__")
    folder = script.resolve().parent.name
    return f"{folder}_{script.stem}" if common and folder.replace("_", "").replace("-", "").isalnum() else script.stem


def _place(script: Path) -> tuple[Path, str]:
    """The folder that the script is run in, and its path from there: where the user stands, if it lies below that."""
    here, there = Path.cwd().resolve(), script.resolve()
    if there.is_relative_to(here):
        return here, os.path.relpath(there, here)
    return there.parent, there.name


def _try(
    file: Path,
    plan: Plan,
    reading: Reading,
    device: str | None,
    run: Callable[[str], bool],
    say: Callable[[str], None],
) -> tuple[Plan, list[Finding], list[str]]:
    """The plan and the findings after short runs, where they are wanted."""
    spec = study_file.load(str(file))
    if not run(plan.command):
        return plan, list(reading.findings), []
    from tuner.system import device as devices

    device = devices.resolve(device)
    tried = trying.try_out(spec, reading, device, say)
    if tried.failed and tried.log:
        learned = from_lines.learn(tried.log, plan)
        if learned is not None:
            return _again(file, learned, reading, device, say)
    return _after(plan, reading, tried)


def _again(
    file: Path, plan: Plan, reading: Reading, device: str, say: Callable[[str], None]
) -> tuple[Plan, list[Finding], list[str]]:
    """Once more, with patterns that were learned from the script's own lines."""
    from tuner.spec.edit import spec_dict

    raw = spec_dict(study_file.load(str(file)))
    raw["script"]["metrics"] = plan.metrics
    raw |= {"objective": plan.objective, "direction": plan.direction}
    return _after(plan, reading, trying.try_out(study_file.parse(raw), reading, device, say))


def _after(plan: Plan, reading: Reading, tried: trying.Tried) -> tuple[Plan, list[Finding], list[str]]:
    """Without the knobs that do nothing and the patterns that matched nothing."""
    findings = trying.merged(reading.findings, tried)
    inert = {name: f.text for f in tried.findings if f.kind == "inert" for name in f.options}
    kept = tuple(k for k in plan.knobs if k.option.name not in inert)
    if inert and kept:
        command = plan.command
        for one in plan.knobs:
            if one.option.name in inert:
                command = command.replace(one.option.placed(), "").replace("  ", " ")
        plan = with_fields(plan, knobs=kept, command=command, left_out=plan.left_out | inert)
    if tried.reported:
        silent = [n for n in plan.metrics if n != "epoch" and n not in tried.reported]
        metrics = {n: p for n, p in plan.metrics.items() if n not in silent}
        notes = tuple(f"no line of a short run held {n}: its pattern was left out" for n in silent)
        plan = with_fields(plan, metrics=metrics, notes=plan.notes + notes)
    return plans.isolated(plan, reading, findings), findings, tried.said

"""Short runs of a script that is adopted: its log, its seed, what it writes, and what its knobs do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.adopt import inert, runs
from tuner.adopt.model import Check, Finding, Reading
from tuner.adopt.runs import Run
from tuner.spec.edit import with_overrides
from tuner.spec.model import Spec

EPOCHS = 3
"""Of a short run, where the script takes a number of epochs."""
LONGEST = 120.0
"""Seconds of one run."""
MOST_FILES = 20_000


@dataclass
class Tried:
    """What short runs showed."""

    findings: list[Finding] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """sentences for the page"""
    log: str = ""
    failed: bool = False
    reported: set[str] = field(default_factory=set)
    """names of the metrics that were found in what it said"""


def try_out(spec: Spec, reading: Reading, device: str, say: Callable[[str], None]) -> Tried:
    """Run the script a few times for a few epochs; bounded in time, and nothing that it starts is left running."""
    tried = Tried()
    short = with_overrides(spec, epochs=min(spec.training.epochs, EPOCHS)) if reading.epochs else spec
    enough = short.training.epochs if reading.epochs else EPOCHS
    baseline = spec.named()["baseline"].knobs()
    place = Path(spec.script.directory)
    with tempfile.TemporaryDirectory(prefix="tuner-adopt-") as folder:

        def one(name: str, seed: int) -> Run:
            return runs.run(
                short,
                baseline,
                Path(folder) / name,
                device=device,
                seed=seed,
                seconds=LONGEST,
                stop=lambda run: not reading.epochs and len(run.reports) > enough,
            )

        say(f"running the script for {enough} epochs")
        before = _files(place)
        first = one("first", spec.seed)
        after = _files(place)
        tried.log = first.log
        if first.failure and not first.reports:
            tried.failed = True
            tried.findings.append(Finding("fails", first.failure, tried=True))
            return tried
        if not first.reports:
            tried.failed = True
            tried.findings.append(Finding("slow", f"nothing was reported within {LONGEST:g} s", tried=True))
            return tried
        tried.reported = {name for metrics in first.reports.values() for name in metrics}
        tried.said.append(f"{len(first.reports)} epochs were reported, each with {', '.join(sorted(tried.reported))}")
        tried.said.append(f"an epoch takes about {first.seconds_an_epoch:.2g} s")
        _written(before, after, tried)
        if reading.seed:
            say("is its seed heeded?")
            _seed(one, spec, first, tried, reading.seed)
    slow = first.times[0] * (len(spec.knobs) + 2) > 300
    if slow:
        tried.findings.append(
            Finding(
                "slow",
                f"its first report takes {first.times[0]:.0f} s: the knobs were not tried one by one",
                tried=True,
            )
        )
        return tried
    silent = frozenset(name for f in reading.findings if f.kind == "inert" for name in f.options)
    found = inert.check(spec, device, confirmed=silent, first=60, total=240, say=say)
    _knobs(found, tried, spec)
    return tried


def _written(before: dict[Path, tuple[int, int]], after: dict[Path, tuple[int, int]], tried: Tried) -> None:
    written = sorted(str(p) for p, stamp in after.items() if before.get(p) != stamp)
    if written:
        more = f" and {len(written) - 5} more" if len(written) > 5 else ""
        tried.findings.append(
            Finding("writes", f"it wrote {', '.join(written[:5])}{more}, which trials would share", tried=True)
        )
    else:
        tried.said.append("it wrote nothing into its working folder")


def _seed(one: Callable[[str, int], Run], spec: Spec, first: Run, tried: Tried, name: str) -> None:
    again = one("again", spec.seed)
    unequal = runs.unequal(first, again)
    if spec.objective in unequal:
        tried.findings.append(
            Finding(
                "seed",
                f"two runs of seed {spec.seed} differ ({', '.join(sorted(unequal)[:3])}): it is heeded in part",
                (name,),
                tried=True,
            )
        )
        return
    other = one("other", spec.seed + 1)
    if not runs.unequal(first, other) - unequal and runs.digits(first) >= inert.COARSE:
        tried.findings.append(
            Finding(
                "seed",
                f"seeds {spec.seed} and {spec.seed + 1} give the same numbers: the seed is ignored",
                (name,),
                tried=True,
            )
        )
    else:
        tried.said.append("two runs of one seed are the same to the last digit, and another seed gives other numbers")


def _knobs(found: Check, tried: Tried, spec: Spec) -> None:
    for name, why in found.inert.items():
        tried.findings.append(Finding("inert", f"{name} changes nothing: {why}", (name,), tried=True))
    for name, why in found.undecided.items():
        tried.said.append(f"{name}: {why}")
    if found.skipped:
        tried.said.append(found.skipped)
    else:
        active = [name for name in spec.knobs if name not in found.inert and name not in found.undecided]
        if active:
            tried.said.append(f"each of these knobs alone changes the numbers: {', '.join(active)}")


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of each file below a folder, as many as are looked at."""
    found: dict[Path, tuple[int, int]] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in (".git", "__pycache__", ".venv", "node_modules", "mlruns")]
        for name in names:
            path = Path(root) / name
            try:
                stat = path.stat()
            except OSError:
                continue
            found[path.relative_to(folder)] = (stat.st_mtime_ns, stat.st_size)
            if len(found) >= MOST_FILES:
                return found
    return found


def merged(findings: tuple[Finding, ...], tried: Tried) -> list[Finding]:
    """What the code says and what runs showed, each thing once."""
    shown: list[Finding] = []
    for finding in findings:
        double = next((t for t in tried.findings if t.kind == finding.kind and t.options == finding.options), None)
        shown.append(replace(finding, tried=double is not None))
    known = {(f.kind, f.options) for f in shown}
    return shown + [t for t in tried.findings if (t.kind, t.options) not in known]

"""Which knobs of a script do nothing: two runs of one seed that differ in one knob are the same bit for bit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.adopt import runs
from tuner.adopt.model import Check
from tuner.adopt.runs import Run
from tuner.spec.command import show
from tuner.spec.model import Spec
from tuner.spec.sections import Range

FIRST = 20.0
"""Seconds to a script's first report, above which its knobs are not tried."""
TOTAL = 60.0
"""Seconds for all runs of a check."""
COARSE = 4
"""Digits below which equal numbers are no evidence, unless both runs came to their end."""


def check(
    spec: Spec,
    device: str,
    *,
    names: Sequence[str] | None = None,
    confirmed: frozenset[str] = frozenset(),
    first: float = FIRST,
    total: float = TOTAL,
    say: Callable[[str], None] = lambda text: None,
) -> Check:
    """Try the knobs of a script, each at the far end of its range.

    names: of the knobs, all that are searched by default; confirmed: those of which the code says that they do
    nothing, for which equal first epochs are enough. first, total: seconds, see FIRST and TOTAL.
    """
    with tempfile.TemporaryDirectory(prefix="tuner-check-") as folder:
        return _Checking(spec, device, Path(folder), first, total, say).all(names, confirmed)


class _Checking:
    def __init__(
        self, spec: Spec, device: str, folder: Path, first: float, total: float, say: Callable[[str], None]
    ) -> None:
        self.spec, self.device, self.folder, self.first, self.say = spec, device, folder, first, say
        self.ends = time.monotonic() + total
        self.longest = total
        self.seconds = first
        self.runs: dict[str, Run] = {}
        self.noisy: set[str] = set()
        """metrics in which two equal runs differ: times"""

    def all(self, names: Sequence[str] | None, confirmed: frozenset[str]) -> Check:
        wanted = [n for n in self.spec.knobs if names is None or n in names]
        if not wanted:
            return Check()
        baseline = dict(self.spec.named()["baseline"].knobs())
        reference = self._run(baseline, seconds=self.longest / 3)
        if reference.failure:
            return Check(skipped=f"its knobs were not tried: {reference.failure}")
        if not reference.reports:
            return Check(skipped=f"its knobs were not tried: no first report within {self.first:g} s")
        again = self._run(baseline, name="again", stop=lambda run: len(run.reports) >= len(reference.reports))
        self.noisy = runs.unequal(reference, again)
        if self.spec.goal.metric in self.noisy:
            return Check(
                skipped="its knobs could not be tried: two runs of the baseline with one seed differ, so that no "
                "difference can be laid to a knob"
            )
        inert: dict[str, str] = {}
        undecided: dict[str, str] = {}
        for name in wanted:
            verdict = self._knob(name, baseline, again, name in confirmed)
            if verdict is not None:
                (inert if verdict[0] else undecided)[name] = verdict[1]
        return Check(inert, undecided)

    def _knob(self, name: str, baseline: Mapping[str, Any], again: Run, confirmed: bool) -> tuple[bool, str] | None:
        """Whether a knob is inert and what was tried; None where it does something or nothing can be said."""
        rng = self.spec.knobs[name]
        base = dict(baseline)
        if rng.when:
            base |= rng.when
            base.setdefault(name, _values(rng, None)[0])
        base = {n: v for n, v in base.items() if self._applies(n, base)}
        reference = self._run(base)
        if not reference.reports:
            return None
        tried, complete = [], reference.complete
        for value in _values(rng, base.get(name)):
            if time.monotonic() > self.ends:
                return None
            self.say(f"does {name} do anything? {show(base.get(name))} beside {show(value)}")
            changed = {n: v for n, v in {**base, name: value}.items() if self._applies(n, {**base, name: value})}
            other = self._run(changed, stop=lambda run: self._other(reference, run))
            if other.failure or not other.reports or self._other(reference, other):
                return None
            echoed = frozenset({show(value), show(base.get(name)), f"{value}", f"{base.get(name)}"})
            if runs.lines_differ(reference, other, again, echoed):
                return None
            if len(other.reports) < len(reference.reports):
                return None
            tried.append(value)
            complete = complete and other.complete
        epochs = len(reference.reports)
        told = f"{show(base.get(name))} and {', '.join(map(show, tried))} give the same numbers to the last digit"
        told += " in a whole run" if complete else f" in the first {epochs} epoch{'s' if epochs > 1 else ''}"
        if complete or (confirmed and runs.digits(reference) >= COARSE):
            return True, told
        return False, f"{told}; it may act later"

    def _applies(self, name: str, values: Mapping[str, Any]) -> bool:
        when = self.spec.knobs[name].when if name in self.spec.knobs else None
        return when is None or all(values.get(k) == v for k, v in when.items())

    def _other(self, reference: Run, run: Run) -> bool:
        """Whether a run already differs from the reference, so that it need not go on."""
        return bool(runs.unequal(reference, run) - self.noisy) or (
            not reference.complete and len(run.reports) >= len(reference.reports) + 1
        )

    def _run(
        self,
        knobs: Mapping[str, Any],
        *,
        name: str = "",
        seconds: float | None = None,
        stop: Callable[[Run], bool] = lambda run: False,
    ) -> Run:
        key = name or repr(sorted(knobs.items()))
        if key not in self.runs:
            left = max(1.0, self.ends - time.monotonic())
            made = runs.run(
                self.spec,
                knobs,
                self.folder / f"run{len(self.runs):03d}",
                device=self.device,
                seed=self.spec.seed,
                seconds=min(left, seconds or left),
                first=self.first,
                stop=stop,
            )
            self.runs[key] = made
        return self.runs[key]


def _values(rng: Range, now: Any) -> list[Any]:
    """What a knob is tried at beside its present value: all other choices, or both ends of its range."""
    if rng.choices is not None:
        return [choice for choice in rng.choices if choice != now]
    ends = [rng.high, rng.low]
    whole = rng.kind == "int"
    return [int(v) if whole else v for v in ends if v is not None and v != now]

"""Before the first trial of a script: which of its knobs do nothing, remembered by what was tried."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tuner.adopt import reading as reader
from tuner.adopt.model import Check
from tuner.errors import InputError, RunError
from tuner.launch import local
from tuner.spec.edit import spec_dict
from tuner.spec.model import Spec
from tuner.study import own_code


def look(spec: Spec, state: Path, device: str, names: Sequence[str] | None = None) -> Check:
    """Try the knobs of a script with short runs, in another process; from `state` where that was done before.

    names: of the knobs, all that are searched by default. It takes a minute at most, and gives up on a script whose
    first report takes longer than 20 seconds. Raises KeyboardInterrupt.
    """
    if spec.command is None:
        return Check()
    kept = state / "checks" / f"{_fingerprint(spec, names)}.json"
    try:
        return Check(**json.loads(kept.read_text()))
    except (OSError, ValueError, TypeError):
        pass
    try:
        found = local.call(check, spec.model_dump(mode="json"), device, names)
    except RunError as error:
        return Check(skipped=f"its knobs were not tried: {error}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    written = kept.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(found))
    written.replace(kept)
    return Check(**found)


def check(raw: dict[str, Any], device: str, names: Sequence[str] | None) -> dict[str, Any]:
    """In the other process: the check as plain data."""
    from tuner.adopt import inert  # with torch, which the process that asks does without
    from tuner.spec.file import parse

    spec = parse(raw)
    return inert.check(spec, device, names=names, confirmed=_confirmed(spec)).as_data()


def _confirmed(spec: Spec) -> frozenset[str]:
    """Knobs of which the script's code says that they do nothing."""
    for path in own_code.named_paths(spec):
        if path.suffix == ".py":
            try:
                findings = reader.read(path).findings
            except InputError:
                return frozenset()
            return frozenset(name for f in findings if f.kind == "inert" for name in f.options)
    return frozenset()


def _fingerprint(spec: Spec, names: Sequence[str] | None) -> str:
    """Of all that a check depends on."""
    raw = spec.model_dump(mode="json")
    parts = {name: raw[name] for name in ("command", "script", "knobs", "fixed", "baseline", "training", "objective")}
    text = json.dumps([parts, sorted(names or ()), own_code.fingerprints(spec)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def without_inert(spec: Spec, found: Check, say: Callable[[str], None]) -> Spec:
    """The study without the knobs that do nothing, each named by `say` and fixed at the baseline's value.

    Where no other knob is left, that is said and the study stays as it is.
    """
    selecting = {name for rng in spec.knobs.values() for name in rng.when or ()}
    names = [n for n in found.inert if n in spec.knobs and n not in selecting and not spec.knobs[n].when]
    if names and len(names) == len(spec.knobs):
        say(
            f"no knob of this study does anything: {', '.join(names)} leaves every number of a run as it is. What the "
            "study finds is chance; look whether the script hands them on"
        )
        return spec
    for text in sentences(found):
        say(text)
    return fixed_at_baseline(spec, names) if names else spec


def fixed_at_baseline(spec: Spec, names: Sequence[str]) -> Spec:
    """The study with these knobs no longer searched."""
    from tuner.spec.file import parse

    raw = spec_dict(spec)
    for name in names:
        if raw["knobs"].pop(name, None) is not None:
            raw["fixed"][name] = raw["baseline"][name]
    return parse(raw)


def sentences(found: Check) -> list[str]:
    """What to tell of a check."""
    said = [f"{name} does nothing and is not searched: {why}" for name, why in found.inert.items()]
    said += [f"{name} may do nothing: {why}" for name, why in found.undecided.items()]
    return [*said, *([found.skipped] if found.skipped else [])]

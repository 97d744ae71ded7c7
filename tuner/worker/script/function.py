"""Run as a module: call a training function of the user's own, `file.py:name`, with what a trial gives it.

python -m tuner.worker.script.function FILE:NAME KNOBS_FILE SEED EPOCHS OUTPUT
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import trainer


def arguments(function: Callable[..., Any], knobs: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a function is called with: of `given` (seed, device, report, epochs, output) what it has parameters for, and
    the knobs as one mapping where it has a parameter `knobs`, else one by one.

    Raises TypeError for a knob that it has no parameter for.
    """
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    found = {name: value for name, value in given.items() if name in parameters}
    if "knobs" in parameters:
        return {**found, "knobs": dict(knobs)}
    lost = [] if takes_any else [name for name in knobs if name not in parameters]
    if lost:
        raise TypeError(
            f"{function.__name__} has no parameter for {', '.join(lost)}: expected one for each knob, or `knobs`, a "
            f"mapping of all; found {', '.join(parameters)}"
        )
    return {**found, **knobs}


def load(target: str) -> Callable[..., Any]:
    """The function that `file.py:name` names."""
    file, _, name = target.rpartition(":")
    path = Path(file).absolute()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    function: Callable[..., Any] = getattr(module, name)
    return function


def main(target: str, knobs: str, seed: str, epochs: str, output: str) -> None:
    """Call it; a number that it returns counts as the objective where it has reported nothing."""
    report, reported = trainer.report, Path(os.environ.get("TUNER_REPORT", "/nowhere"))
    given = {
        "seed": int(seed),
        "epochs": int(epochs),
        "output": Path(output),
        "device": os.environ.get("TUNER_DEVICE", "cpu"),
        "report": report,
    }
    function = load(target)
    returned = function(**arguments(function, json.loads(Path(knobs).read_text(encoding="utf-8")), given))
    if isinstance(returned, (int, float)) and not (reported.exists() and reported.stat().st_size):
        report(epoch=1, **{os.environ.get("TUNER_OBJECTIVE", "value"): returned})


if __name__ == "__main__":
    main(*sys.argv[1:])

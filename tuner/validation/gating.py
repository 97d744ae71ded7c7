"""`tuner gate`: run a validation for a request, and answer it by the gate's ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuner.errors import InputError
from tuner.spec import file as study_file
from tuner.study import own_code
from tuner.study.study import load_data
from tuner.system import names
from tuner.system.place import Place
from tuner.validation import gate
from tuner.validation.blocks import open_validation, records
from tuner.validation.measures import metric
from tuner.validation.options import ValidateOptions
from tuner.validation.run import validate
from tuner.validation.running import Look
from tuner.validation.verdict import context_of, primary


def answer(
    place: Place, name: str, options: ValidateOptions, *, say: Callable[[str], None], look: Look
) -> dict[str, Any]:
    """Answer a request; returns `passed`, the figures behind it and a summary in Markdown under `summary`.

    name: of the gate, which keeps its ledger in the state folder; options: of one pair of arms, with the number of
    seeds. Raises InputError where the request asks for something else than the gate's first one.
    """
    file = place.state / "gates" / f"{names.check(name)}.json"
    ledger = gate.read(file)
    asked = {field: getattr(options, field) for field in ("study", "seeds", "epochs", "data", "margin")}
    if ledger is not None:
        ledger.check(asked | {key: ledger.fixed[key] for key in ("metric", "content") if key in ledger.fixed}, file)
    result = validate(place, options, say=say, look=look)
    opened = open_validation(place, result["name"])
    assert opened is not None
    plan, runs = opened.plan, records(opened)
    content = own_code.fingerprints(plan.spec) if plan.spec.command else {"data": load_data(plan.spec).fingerprint}
    fixed = asked | {"metric": plan.primary, "content": content}
    ledger = ledger or gate.Ledger(fixed)
    ledger.check(fixed, file)
    (first, base), (second, other) = list(plan.arms.items())[:2]
    request = ledger.answered(base.knobs(), other.knobs())
    if request is None:
        scores = primary(plan, runs, context_of(plan, runs))
        differences = scores[second] - scores[first]
        maximize = metric(plan.primary, plan.reported).higher_is_better
        if not len(differences):
            raise InputError(f"validation {opened.name} has no finished seed")
        ledger, request = gate.decide(ledger, base.knobs(), other.knobs(), differences, maximize, opened.name)
        gate.write(file, ledger)
    number = ledger.requests.index(request) + 1
    return {
        "passed": request.passed,
        "gate": name,
        "request": number,
        "metric": plan.primary,
        "difference": request.difference,
        "seeds": request.seeds,
        "p_worse": request.p_worse,
        "alpha": request.alpha,
        "validation": request.validation,
        "report": result["report"],
        "summary": gate.markdown(request, number, plan.primary, plan.margin),
    }


def label(study: str) -> str:
    """The name of a gate that is given none: the study's, of a study file its stem."""
    path = Path(study)
    return path.stem if path.suffix in (".yaml", ".yml") or study in study_file.names() else study

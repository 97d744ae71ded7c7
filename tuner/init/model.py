"""A template for a model of the user's own, and a study file that searches the weights of its terms."""

from __future__ import annotations

import shlex
from pathlib import Path
from string import Template
from typing import Any

from trainer.data import build, read, source_of
from tuner.errors import InputError
from tuner.init import data_report, text
from tuner.init.model_template import MODEL, STUDY
from tuner.spec import file as study_file

EMBEDDED = "htad"


def init(data: str | None = None, output: Path | None = None) -> dict[str, Any]:
    """Write a Python file with a model and beside it a study of it; returns where they are and what was assumed.

    data: as `start --data`, the embedded data by default; output: the study file, default my_model.yaml. Raises
    InputError where one of the files exists, and for wrong data.
    """
    output = text.output(output or Path("my_model.yaml"))
    model = output.with_suffix(".py")
    if model.exists():
        raise InputError(f"{model} exists; choose another name with --output")
    source = source_of(data) if data else EMBEDDED
    found = build(read(source, data), seed=0)
    facts = f"{'source ' + source if data else 'the embedded data'}: {text.facts(found)}"
    problems = data_report.problems(found) if data else []
    path = f", path: {text.quoted(text.where(data, output))}" if data else ""
    study = Template(STUDY).substitute(
        model=model.name,
        quoted=text.quoted(f"{model.name}:MyModel"),
        file=shlex.quote(str(output)),
        about=text.comment(f"{facts[0].upper()}{facts[1:]}."),
        data=f"{{source: {source}{path}}}",
        problems=text.problems(problems),
    )
    text.write(model, MODEL)
    text.write(output, study)
    study_file.load(str(output))  # what was written is a study
    assumed = {
        "data": facts,
        "model": f"{model}: a template with two terms, reconstruction and sparsity; put your own in",
        "knobs": "a wide range for the weight of each term, not measured: the terms are going to be yours",
    }
    return {"file": str(output), "model": str(model), "data": found.name, "guessed": assumed, "problems": problems}

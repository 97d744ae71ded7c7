"""What the parts of a file from outside have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from trainer.knobs import word

Word = Annotated[str, BeforeValidator(word, json_schema_input_type=str | float | bool)]


class Section(BaseModel):
    """A part of the study file; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)

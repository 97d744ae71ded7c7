"""The parts of a report, each from the result (`validate --json`), the plan and the records."""

from tuner.validation.report.sections.claims import claims
from tuner.validation.report.sections.curves import curves
from tuner.validation.report.sections.designs import designs
from tuner.validation.report.sections.diagnosis import diagnosis
from tuner.validation.report.sections.doses import dose_response
from tuner.validation.report.sections.forest import forest
from tuner.validation.report.sections.headline import headline, sentence
from tuner.validation.report.sections.scale import scale
from tuner.validation.report.sections.settings import diverged, settings
from tuner.validation.report.sections.source import Source, claim_verdict
from tuner.validation.report.sections.tables import document

__all__ = [
    "Source",
    "claim_verdict",
    "claims",
    "curves",
    "designs",
    "diagnosis",
    "diverged",
    "document",
    "dose_response",
    "forest",
    "headline",
    "scale",
    "sentence",
    "settings",
]

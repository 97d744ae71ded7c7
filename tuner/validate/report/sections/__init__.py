"""The parts of a report, each from the result (`validate --json`), the plan and the records."""

from tuner.validate.report.sections.claims import claims
from tuner.validate.report.sections.curves import curves
from tuner.validate.report.sections.designs import designs
from tuner.validate.report.sections.doses import dose_response
from tuner.validate.report.sections.forest import forest
from tuner.validate.report.sections.headline import headline, sentence
from tuner.validate.report.sections.scale import scale
from tuner.validate.report.sections.settings import diverged, settings
from tuner.validate.report.sections.source import Source, claim_verdict
from tuner.validate.report.sections.tables import document

__all__ = [
    "Source",
    "claim_verdict",
    "claims",
    "curves",
    "designs",
    "diverged",
    "document",
    "dose_response",
    "forest",
    "headline",
    "scale",
    "sentence",
    "settings",
]

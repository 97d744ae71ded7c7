"""What trials, studies and validations keep in the storage, as typed objects; nothing else knows the names of it."""

from tuner.storage.record.naming import title
from tuner.storage.record.trial import (
    BASELINE,
    WEIGHTED_F1,
    Origin,
    ReplicateResult,
    TrialRecord,
    TrialResult,
    best_of,
    config_of,
    diverged,
    epochs_run,
    label,
    reason,
    titles,
    write_replicate,
    write_result,
    write_started,
)

__all__ = [
    "BASELINE",
    "WEIGHTED_F1",
    "Origin",
    "ReplicateResult",
    "TrialRecord",
    "TrialResult",
    "best_of",
    "config_of",
    "diverged",
    "epochs_run",
    "label",
    "reason",
    "title",
    "titles",
    "write_replicate",
    "write_result",
    "write_started",
]

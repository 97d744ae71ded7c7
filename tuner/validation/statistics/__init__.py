"""What paired runs show: interval, test, probability, verdict, and how many seeds it takes. Pure functions.

The unit is the block (one seed): both arms run in it, and only the difference within it is looked at. `differences` is
always candidate minus baseline, shape (n,), in the metric's unit; `direction` says whether higher or lower is better.
Two runs that are the same but for their random streams are exchangeable within a block, so that their difference is
symmetric about 0: this is all that the sign-flip test asks for. Figures quoted here are from
`python -m benchmarks.statistics`.
"""

from tuner.validation.statistics.claims import ClaimVerdict, RelativeChange, claim_p, claim_verdict, relative_change
from tuner.validation.statistics.comparison import Comparison, Verdict, compare, together, verdict
from tuner.validation.statistics.group_sequential import Looks, first_look
from tuner.validation.statistics.intervals import (
    RESAMPLES,
    confidence_interval,
    p_of_mean,
    paired_difference,
    probability_better,
)
from tuner.validation.statistics.planning import MOST_SEEDS, seeds_for_claims, seeds_needed, smallest_effect
from tuner.validation.statistics.sequence import SEQUENCE_FROM, SEQUENCE_PRIOR, confidence_sequence
from tuner.validation.statistics.significance import (
    EXACT_TO,
    FLIPS,
    holm,
    holm_by_group,
    share_bounds,
    sign_flip_p,
    smallest_p,
)
from tuner.validation.statistics.simultaneous import ALARM, Contrast, Word, best_of, simultaneous, word
from tuner.validation.statistics.values import Direction

__all__ = [
    "ALARM",
    "EXACT_TO",
    "FLIPS",
    "MOST_SEEDS",
    "RESAMPLES",
    "SEQUENCE_FROM",
    "SEQUENCE_PRIOR",
    "ClaimVerdict",
    "Comparison",
    "Contrast",
    "Direction",
    "Looks",
    "RelativeChange",
    "Verdict",
    "Word",
    "best_of",
    "claim_p",
    "claim_verdict",
    "compare",
    "confidence_interval",
    "confidence_sequence",
    "first_look",
    "holm",
    "holm_by_group",
    "p_of_mean",
    "paired_difference",
    "probability_better",
    "relative_change",
    "seeds_for_claims",
    "seeds_needed",
    "share_bounds",
    "sign_flip_p",
    "simultaneous",
    "smallest_effect",
    "smallest_p",
    "together",
    "verdict",
    "word",
]

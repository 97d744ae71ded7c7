"""What optuna-dashboard shows of a study beside Optuna's own: the objective's name, trials by name, the story.

Started by `optuna-dashboard URL`, it reads our storage as it stands. It keeps its notes in the study's system
attributes; a test compares with what it reads there itself.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

NOTE = "dashboard:note_str:"
VERSION = "dashboard:note_ver"
LONGEST = 2045
"""Characters of one attribute; longer notes go into several."""


def name_objective(study: optuna.Study, objective: str) -> None:
    """Label the axes of the dashboard, and the columns of Optuna's own data frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an experiment of Optuna's since 3.2
        study.set_metric_names([objective])


def write_note(study: optuna.Study, text: str) -> None:
    """The study's note, in Markdown, in place of the one that is there."""
    storage, study_id = study._storage, study._study_id
    there = storage.get_study_system_attrs(study_id)
    parts = {f"{NOTE}{i}": text[i * LONGEST : (i + 1) * LONGEST] for i in range(-(-len(text) // LONGEST))}
    # What is left of a longer note becomes empty: attributes cannot be removed.
    parts |= {name: "" for name in there if name.startswith(NOTE) and name not in parts}
    for name, part in parts.items():
        storage.set_study_system_attr(study_id, name, part)
    storage.set_study_system_attr(study_id, VERSION, int(there.get(VERSION, 0)) + 1)

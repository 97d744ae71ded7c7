"""What a logistic regression reaches on the same split: the figure that a model has to beat to be worth its cost."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from trainer.data import Dataset
from tuner.storage.record import StudyRecord, write_study

if TYPE_CHECKING:
    from tuner.study.study import Study


def ensure(study: Study) -> None:
    """Find it for a study that does not have it yet: a worker without work does, at the end whoever finishes."""
    if not StudyRecord.of(study.optuna).has_reference:
        scores = logistic_regression(study.data()) if study.spec.command is None else None
        write_study(study.optuna, reference=scores)


def logistic_regression(data: Dataset) -> dict[str, float]:
    """Weighted F1 on validation and test of a logistic regression on the standardised, concatenated views."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    def labelled(part: int) -> tuple:
        rows = data.rows(part)
        rows = rows[data.labels[rows] >= 0]
        return x[rows], data.labels[rows]

    x = data.matrix()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    # One thread: another number of them rounds differently, and it is no slower.
    with warnings.catch_warnings(), threadpool_limits(1):
        # On wide data 300 iterations may not be all; the score hardly moves after them.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*labelled(0))
    return {
        f"{name}/weighted_f1": float(f1_score(truth, model.predict(rows), average="weighted"))
        for name, (rows, truth) in (("val", labelled(1)), ("test", labelled(2)))
    }

"""The only importer of MLflow. Everything goes through a client with explicit run ids, in batches."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tuner.database import MLFLOW, first_line, is_database, made_once
from tuner.errors import InputError, RunError
from tuner.masking import masked
from tuner.names import inside

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# A tracking server that is down should be a message within seconds, not after MLflow's seven retries.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
for noisy in ("mlflow", "alembic"):
    logging.getLogger(noisy).setLevel(logging.ERROR)

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
RUN_STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "INTERRUPTED": "KILLED"}
"""MLflow's status for a trial's state: only a completed trial looks finished."""
FLUSH_SECONDS = 10.0
_LARGEST_BATCH = 1000
_LONGEST_TAG = 8000


def preload() -> None:
    """Import MLflow, which takes a second, at a moment of one's own choosing."""
    import mlflow

    _ = mlflow.MlflowClient


_OTHER_VERSION = (
    "it was made or upgraded by another version of MLflow than {}, which is installed here; install the same version "
    "on every machine. "
)


class Tracker:
    """Writes a study's runs. `state` is where artifacts go, unless a tracking server decides that itself."""

    def __init__(self, uri: str, state: Path) -> None:
        self.uri, self.state = uri, state
        self._pending: dict[str, list[Any]] = {}
        self._flushed: dict[str, float] = {}
        import mlflow
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self._errors = (MlflowException, SQLAlchemyError, OSError)
        try:
            # MLflow itself would try a database that is not there for minutes.
            with made_once(uri, MLFLOW) if is_database(uri) else nullcontext():
                self.client = mlflow.MlflowClient(uri)
                self.client.search_experiments(max_results=1)
                self._bulk = bulk_insert(self.client)
        except InputError:
            raise
        except Exception as error:
            other = _OTHER_VERSION.format(mlflow.__version__) if "database schema" in str(error) else ""
            raise InputError(f"tracking URI {masked(uri)} cannot be opened: {other}{first_line(error)}") from None

    def study(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> dict[str, str]:
        """The experiment and the parent run of a new study, as ids."""
        experiment = self.client.get_experiment_by_name(name)
        if experiment is not None and experiment.lifecycle_stage != "active":
            raise InputError(
                f"the MLflow experiment {name!r} was deleted but not purged: choose another --name, "
                f"or run `mlflow gc --experiment-ids {experiment.experiment_id} --backend-store-uri {masked(self.uri)}`"
            )
        if experiment is None:
            served = self.uri.startswith(("http://", "https://"))
            where = None if served else inside(self.state / "artifacts", name).as_uri()
            experiment_id = self.client.create_experiment(name, artifact_location=where)
        else:
            experiment_id = experiment.experiment_id
        run = self.client.create_run(experiment_id, run_name=f"{name} (study)", tags=dict(tags))
        self._log(run.info.run_id, params=params)
        return {"experiment_id": experiment_id, "run_id": run.info.run_id}

    def start_trial(
        self, study: Mapping[str, str], name: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> str:
        """A child run of the study; returns its id."""
        run = self._try(
            lambda: self.client.create_run(
                study["experiment_id"], run_name=name, tags={PARENT: study["run_id"], **tags, "state": "RUNNING"}
            )
        )
        run_id: str = run.info.run_id
        self._log(run_id, params=params)
        self._flushed[run_id] = time.monotonic()
        return run_id

    def epoch(self, run_id: str, metrics: Mapping[str, float], epoch: int) -> None:
        """Note the metrics of an epoch; written every few seconds and at the end, in large batches."""
        self._pending.setdefault(run_id, []).extend(points(metrics, epoch))
        if time.monotonic() - self._flushed.get(run_id, 0.0) > FLUSH_SECONDS:
            self._flush(run_id)

    def end_trial(self, run_id: str, state: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Write what is pending and close the run with the status of the trial's state."""
        self._pending.setdefault(run_id, []).extend(points(metrics))
        self._flush(run_id, {**tags, "state": state})
        self._try(lambda: self.client.set_terminated(run_id, RUN_STATUS[state]))

    def update(
        self, run_id: str, *, tags: Mapping[str, str] | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Add tags and one-off metrics to a run that may have ended."""
        self._log(run_id, tags=tags, metrics=points(metrics or {}))

    def end_study(self, run_id: str, status: str) -> None:
        """Close the parent run."""
        self._try(lambda: self.client.set_terminated(run_id, status))

    def artifact(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Attach a file, or all files of a folder."""
        if path.is_dir():
            self._try(lambda: self.client.log_artifacts(run_id, str(path), folder))
        else:
            self._try(lambda: self.client.log_artifact(run_id, str(path), folder))

    def delete(self, run_id: str) -> None:
        """Remove a run whose trial starts over."""
        self._try(lambda: self.client.delete_run(run_id))

    def experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of an experiment."""
        for name, value in tags.items():
            self.client.set_experiment_tag(experiment_id, name, value)

    def _flush(self, run_id: str, tags: Mapping[str, str] | None = None) -> None:
        rows = self._pending.pop(run_id, [])
        self._flushed[run_id] = time.monotonic()
        newest = max((row.step for row in rows), default=0)
        history = [row for row in rows if 0 < row.step < newest]
        if self._bulk is not None and history:
            self._try(lambda: self._bulk(run_id, history))
            rows = [row for row in rows if not 0 < row.step < newest]
        for start in range(0, max(len(rows), 1), _LARGEST_BATCH):
            self._log(run_id, metrics=rows[start : start + _LARGEST_BATCH], tags=tags if start == 0 else None)

    def _log(
        self,
        run_id: str,
        *,
        metrics: list[Any] | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        from mlflow.entities import Param, RunTag

        self._try(
            lambda: self.client.log_batch(
                run_id,
                metrics=metrics or [],
                params=[Param(n, masked(str(v))) for n, v in (params or {}).items()],
                tags=[RunTag(n, masked(str(v))[:_LONGEST_TAG]) for n, v in (tags or {}).items()],
            )
        )

    def _try(self, call: Any) -> Any:
        try:
            return call()
        except self._errors as error:
            raise RunError(f"MLflow at {masked(self.uri)} failed: {masked(str(error).splitlines()[0])}") from error


def points(metrics: Mapping[str, float], step: int = 0) -> list[Any]:
    """MLflow's metric points of this moment, at an epoch or (0) once a run."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(metric_name(name), value, now, step) for name, value in metrics.items()]


def bulk_insert(client: Any) -> Callable[[str, list[Any]], None] | None:
    """A function that adds older points of metric curves to a run, or None where the store is not a database of ours.

    `log_batch` builds an object a point and compares each with the run's latest value; for curves of fifty metrics that
    is most of what tracking costs. Points older than the newest need neither, so they go into MLflow's own table in one
    statement (a test compares the result with log_batch's). The newest point of each curve always takes log_batch.
    """
    try:
        from mlflow.store.tracking.dbmodels.models import SqlMetric
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
        from sqlalchemy import insert

        store = client._tracking_client.store
        if not isinstance(store, SqlAlchemyStore):
            return None
        session_maker = store.ManagedSessionMaker
    except (ImportError, AttributeError):
        return None

    def add(run_id: str, points: list[Any]) -> None:
        rows = [
            {
                "run_uuid": run_id,
                "key": p.key,
                "value": p.value,
                "timestamp": p.timestamp,
                "step": p.step,
                "is_nan": False,
            }
            for p in points
        ]
        with session_maker(read_only=False) as session:
            session.execute(insert(SqlMetric), rows)

    return add


def metric_name(name: str) -> str:
    """`prefix/label` as MLflow takes it: what it does not allow in the label, a class name say, becomes its code.

    Different labels keep different names; merging two of them would double every step.
    """
    prefix, slash, label = name.partition("/")
    if not slash:
        return prefix
    safe = "".join(
        c if c.isalnum() or c in "_- " or (c == "." and label.strip(".")) else f"_{ord(c):x}_" for c in label
    )
    return f"{prefix}/{safe or '_'}"


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Without what is not a number, which MLflow's charts cannot show."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}

"""The only importer of MLflow. Everything goes through a client with explicit run ids, in batches."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tuner.errors import InputError, RunError
from tuner.storage.database import MLFLOW, is_database, made_once
from tuner.storage.record import Runs
from tuner.system.cause import first_line, root_cause
from tuner.system.masking import masked
from tuner.system.waiting import find, impatient, ride_out
from tuner.tracking import homes

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# A tracking server that is down should be a message within seconds, not after MLflow's seven retries.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
for noisy in ("mlflow", "alembic"):
    logging.getLogger(noisy).setLevel(logging.ERROR)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # what it logs it raises too

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
RUN_STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "INTERRUPTED": "KILLED"}
"""MLflow's status for a trial's state: only a completed trial looks finished."""
FLUSH_SECONDS = 10.0
_LARGEST_BATCH = 1000
_LONGEST_TAG = 8000
LONGEST_NAME = 240
"""Characters of a metric's name; MLflow takes 250."""


def preload() -> None:
    """Import MLflow with its database store, which takes seconds, at a moment of one's own choosing."""
    import mlflow
    import mlflow.store.tracking.sqlalchemy_store

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
        self._there: dict[str, set[tuple[str, int]]] = {}
        """points that runs have already which were not written by this process, or of which it cannot be sure"""
        self._unsure: set[str] = set()
        self._away = False
        import mlflow
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self._errors = (MlflowException, SQLAlchemyError, OSError)
        try:
            # MLflow itself would try a database that is not there for minutes.
            with made_once(uri, MLFLOW) if is_database(uri) else nullcontext(), homes.no_stray_folder(uri):
                self.client = mlflow.MlflowClient(uri)
                self.client.search_experiments(max_results=1)
                self._bulk = bulk_insert(self.client)
            if is_database(uri):
                homes.bring_home(uri, state)
        except InputError:
            raise
        except Exception as error:
            other = _OTHER_VERSION.format(mlflow.__version__) if "database schema" in str(error) else ""
            why = first_line(root_cause(error))
            raise InputError(f"tracking URI {masked(uri)} cannot be opened: {other}{why}") from None

    def study(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Runs:
        """Make the experiment and the parent run of a new study."""
        experiment = self.client.get_experiment_by_name(name)
        if experiment is not None and experiment.lifecycle_stage != "active":
            raise InputError(
                f"the MLflow experiment {name!r} was deleted but not purged: choose another --name, "
                f"or run `mlflow gc --experiment-ids {experiment.experiment_id} --backend-store-uri {masked(self.uri)}`"
            )
        if experiment is None:
            served = self.uri.startswith(("http://", "https://"))
            where = None if served else homes.experiment(self.state, name)
            experiment_id = self.client.create_experiment(name, artifact_location=where)
        else:
            experiment_id = experiment.experiment_id
            self._clear(experiment_id)
        run = self.client.create_run(experiment_id, run_name=f"{name} (study)", tags=dict(tags))
        self._log(run.info.run_id, params=params)
        return Runs(experiment_id, run.info.run_id)

    def _clear(self, experiment_id: str) -> None:
        """Remove parent runs of makers that died: whoever calls this has the name of the study to itself."""
        for run in self.client.search_runs([experiment_id], filter_string="attributes.status = 'RUNNING'"):
            if PARENT not in run.data.tags and run.data.tags.get("kind") in ("study", "validation"):
                self.client.delete_run(run.info.run_id)

    def start_trial(self, study: Runs, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """A child run of the study; returns its id."""
        tried = False

        def create() -> str:
            nonlocal tried
            # Where the answer was lost the run may have been made all the same.
            if tried and (made := self.runs_of(study, tags["trial"])):
                return made[0]
            tried = True
            tags_of_run = {PARENT: study.run_id, **tags, "state": "RUNNING"}
            run_id: str = self.client.create_run(study.experiment_id, run_name=name, tags=tags_of_run).info.run_id
            return run_id

        found: str = self._try(create)
        self._log(found, params=params)
        self._flushed[found] = time.monotonic()
        return found

    def runs_of(self, study: Runs, trial: str) -> list[str]:
        """The runs of a trial that are there, oldest first."""
        known = f"tags.trial = '{trial}' and tags.`{PARENT}` = '{study.run_id}'"
        order = ["attributes.start_time ASC"]
        found = self._try(lambda: self.client.search_runs([study.experiment_id], filter_string=known, order_by=order))
        return [run.info.run_id for run in found]

    def resume(self, run_id: str) -> bool:
        """Go on with a run that was interrupted: points that it has are not written again. False where it is gone."""
        from mlflow.exceptions import MlflowException

        def there() -> Any:
            try:
                return self.client.get_run(run_id)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise

        run = self._try(there)
        if run is None or run.info.lifecycle_stage != "active":
            return False
        self._there[run_id] = self._points_of(run_id)
        self._try(lambda: self.client.update_run(run_id, status="RUNNING"))
        self._log(run_id, tags={"state": "RUNNING", "reason": ""})
        self._flushed[run_id] = time.monotonic()
        return True

    def _points_of(self, run_id: str) -> set[tuple[str, int]]:
        """Metric and epoch of every point that a run has."""
        return {(name, epoch) for name, points in self.history(run_id).items() for epoch in points}

    def history(self, run_id: str) -> dict[str, dict[int, float]]:
        """Every point that a run has, by metric and epoch; what a run has once is at epoch 0."""

        def read() -> dict[str, dict[int, float]]:
            names = self.client.get_run(run_id).data.metrics
            return {name: {p.step: p.value for p in self.client.get_metric_history(run_id, name)} for name in names}

        found: dict[str, dict[int, float]] = self._try(read)
        return found

    def epoch(
        self, run_id: str, metrics: Mapping[str, float], epoch: int, when: int | None = None, *, write: bool = True
    ) -> None:
        """Note the metrics of an epoch; written every few seconds and at the end, in large batches.

        when: the moment it ended, in milliseconds since 1970; by default now. write: False
        keeps the points for later. While MLflow cannot be reached the
        points are kept and the training goes on; while a disk is full it waits.
        """
        self._pending.setdefault(run_id, []).extend(points(metrics, epoch, when))
        if not write or time.monotonic() - self._flushed.get(run_id, 0.0) <= FLUSH_SECONDS:
            return
        try:
            with impatient():
                self._flush(run_id)
            self._away = False
        except RunError as error:
            trouble = find(error)
            if trouble is None:
                raise
            if trouble.full:
                self._flush(run_id)
            elif not self._away:
                self._away = True
                print(f"MLflow at {masked(self.uri)}: {trouble.what}; the training goes on", flush=True)

    def end_trial(self, run_id: str, state: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Write what is pending and close the run with the status of the trial's state."""
        self._pending.setdefault(run_id, []).extend(points(metrics))
        self._flush(run_id, {**tags, "state": state})
        self._try(lambda: self.client.set_terminated(run_id, RUN_STATUS[state]))
        self._there.pop(run_id, None)

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
        repository = self._own_artifacts(run_id)
        if repository is None:
            log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
            self._try(lambda: log(run_id, str(path), folder))
        else:
            write = repository.log_artifacts if path.is_dir() else repository.log_artifact
            self._try(lambda: write(str(path), folder))

    def _own_artifacts(self, run_id: str) -> Any:
        """Where a run's files go in this state folder, whatever the database says by now: another process may see the
        folder under another path. None where the database is not in the state folder."""
        if not homes.embedded(self.uri, self.state):
            return None
        from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

        place = homes.of_run(self.state, self._try(lambda: self.client.get_run(run_id)).info.artifact_uri)
        return None if place is None else LocalArtifactRepository(place.as_uri())

    def delete(self, run_id: str) -> None:
        """Remove a run whose trial starts over."""
        self._try(lambda: self.client.delete_run(run_id))

    def experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of an experiment."""
        for name, value in tags.items():
            self.client.set_experiment_tag(experiment_id, name, value)

    def _flush(self, run_id: str, tags: Mapping[str, str] | None = None) -> None:
        self._flushed[run_id] = time.monotonic()
        if run_id in self._unsure:
            # A write failed half-way, or was done and its answer lost.
            self._there[run_id] = self._points_of(run_id)
        self._unsure.add(run_id)
        there = self._there.get(run_id, set())
        rows = [row for row in self._pending.get(run_id, []) if (row.key, row.step) not in there]
        newest: dict[str, int] = {}
        for row in rows:
            newest[row.key] = max(row.step, newest.get(row.key, 0))
        history = [row for row in rows if 0 < row.step < newest[row.key]] if self._bulk is not None else []
        rest = rows if not history else [row for row in rows if not 0 < row.step < newest[row.key]]
        # The newest points first: they are what tells which metrics a run has.
        for start in range(0, max(len(rest), 1), _LARGEST_BATCH):
            self._log(run_id, metrics=rest[start : start + _LARGEST_BATCH], tags=tags if start == 0 else None)
        if history:
            self._write_history(run_id, history)
        self._pending.pop(run_id, None)
        self._unsure.discard(run_id)

    def _write_history(self, run_id: str, rows: list[Any]) -> None:
        """Older points in one statement; where its answer was lost, those that are missing."""
        tried = False

        def write() -> None:
            nonlocal tried
            there = self._points_of(run_id) if tried else set()
            tried = True
            missing = [row for row in rows if (row.key, row.step) not in there]
            if missing and self._bulk is not None:
                self._bulk(run_id, missing)

        self._try(write)

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
            return ride_out(call, f"MLflow at {masked(self.uri)}")
        except self._errors as error:
            raise RunError(f"MLflow at {masked(self.uri)} failed: {masked(str(error).splitlines()[0])}") from error


def points(metrics: Mapping[str, float], step: int = 0, when: int | None = None) -> list[Any]:
    """MLflow's metric points at an epoch or (0) once a run; when: in milliseconds since 1970, by default now."""
    from mlflow.entities import Metric

    moment = int(time.time() * 1000) if when is None else when
    return [Metric(metric_name(name), value, moment, step) for name, value in metrics.items()]


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
    """`prefix/label` as MLflow takes it: what it does not allow, in a class name say, becomes its code (`_40_` for @).

    Different names stay different: what looks like a code itself has its underscore coded, so that `original_name`
    finds the name again. Beyond LONGEST_NAME characters a fingerprint stands for the rest.
    """
    prefix, slash, label = name.partition("/")
    safe = _coded(prefix, prefix.strip(".")) if prefix else ""
    if slash:
        safe = f"{safe or '_'}/{_coded(label, label.strip('.')) or '_'}"
    if len(safe) > LONGEST_NAME:
        return f"{safe[: LONGEST_NAME - 9]}_{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"
    return safe or "_"


def original_name(safe: str) -> str:
    """The name of which `metric_name` made this one, where it was not too long."""
    return re.sub(r"_([0-9a-f]+)_", lambda code: chr(int(code[1], 16)), safe)


def _coded(text: str, more_than_dots: str) -> str:
    text = re.sub(r"_(?=[0-9a-f]{1,6}(?:_|[^\w\- .]))", "_5f_", text)
    return "".join(c if c.isalnum() or c in "_- " or (c == "." and more_than_dots) else f"_{ord(c):x}_" for c in text)


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Without what is not a number, which MLflow's charts cannot show."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def sends_usage() -> bool:
    """Whether MLflow would send usage data; importing this module has told it not to."""
    from mlflow.telemetry import get_telemetry_client

    return get_telemetry_client() is not None

"""One run in MLflow, logged from its record and its directory. Everything here is synchronous; see ``tracker``."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from locexp.records.files import logged_files
from locexp.records.record import PAUSED, RECORD, RunRecord, finite_metrics, milliseconds
from locexp.tracking.artifacts import log_file
from locexp.tracking.descriptions import describe_run
from locexp.tracking.limits import DATASET, NAME, PARAMETER, TAG, cut
from locexp.tracking.location import Location, deleted, deleted_run, lock_of
from locexp.tracking.mlflow_internals import SystemMetrics, make_store, silence_loggers, use_store
from locexp.tracking.models import log_model
from locexp.tracking.presenting import described, new_experiment_tags

logger = logging.getLogger(__name__)

PARAMS_PER_CALL = 100
METRICS_PER_CALL = 1000
SIGNIFICANT_DIGEST = 36
"""MLflow keeps at most this many characters of a data set's digest; the whole one is a tag and in its profile."""

silence_loggers()
for _name in ("absl", "urllib3"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class Session:
    """A run in a tracking store, from its start to its end.

    Args:
        location: of the store; it is created, under a lock, where there is none.

    Raises:
        UserError: the experiment was deleted.
        MlflowException, OSError: the store cannot be opened.
    """

    def __init__(self, location: Location) -> None:
        use_store(location.uri)
        with contextlib.ExitStack() as stack:
            if location.database is not None:
                # Two processes that create one SQLite store at the same time destroy it.
                location.database.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(lock_of(location.database)))
                if make_store(location.database):
                    logger.warning("%s was half made, without a run: it was made anew", location.database)
            self.client = MlflowClient(location.uri)
            self.experiment_id = self._experiment(location)
        self._location = location
        self.run_id = ""
        self._artifacts: str | None = None
        self._system_metrics: SystemMetrics | None = None

    def _experiment(self, location: Location) -> str:
        name = location.experiment
        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                made = self.client.create_experiment(name, location.artifact_root, new_experiment_tags())
                return str(made)
            except MlflowException:  # another process was quicker
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise deleted(location, str(found.experiment_id))
        return str(found.experiment_id)

    def left_behind(self, record: RunRecord) -> str | None:
        """Return the id of the run that a process created for a record, and was killed before it wrote it down."""
        return next((str(run.info.run_id) for run in self._runs_of(record)), None)

    def _runs_of(self, record: RunRecord) -> list[Run]:
        """Return the runs that were created for a record.

        There are two where the server's answer was lost on the way, for MLflow's client then sends its request again.
        The time at which a run began is that of its record, and stays when another process goes on with it.
        """
        condition = f"attributes.start_time = {milliseconds(record.start_time)}"
        found = self.client.search_runs([self.experiment_id], condition)
        return [run for run in found if run.data.tags.get("directory") == record.tags.get("directory")]

    def _delete_doubles(self, record: RunRecord) -> None:
        """Delete what was created for a record beside its run, and is as it was created."""
        for run in self._runs_of(record) if self._location.is_server else ():
            if run.info.run_id != self.run_id and run.info.status == "RUNNING" and not run.data.metrics:
                self.client.delete_run(run.info.run_id)

    def start(self, record: RunRecord, *, sampling_seconds: int | None = None) -> None:
        """Create the run of a record, or take it up again if the store has it; log parameters, tags and data set.

        Args:
            record: of the run; gets its ``run_id`` and ``experiment_id``. Its ``dataset`` may be empty.
            sampling_seconds: between samples of CPU and memory use; ``None`` takes none.
        """
        known = None
        if record.run_id is not None:
            try:
                known = self.client.get_run(record.run_id)
            except MlflowException as error:  # deleted for good; whatever else it is, the run may be there
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        parameters, tag_values = cut(record.parameters, PARAMETER), cut(record.tags, TAG)
        is_new = known is None
        if known is None:
            known = self.client.create_run(
                self.experiment_id,
                start_time=milliseconds(record.start_time),
                tags=tag_values,
                run_name=record.name[:NAME],
            )
        elif known.info.lifecycle_stage == "deleted":
            raise deleted_run(self._location, known.info.run_id)
        self.run_id, self._artifacts = str(known.info.run_id), known.info.artifact_uri
        for name in ("error", PAUSED):  # of an end that was not the last
            if name in known.data.tags and name not in record.tags:
                self.client.delete_tag(self.run_id, name)
        params = [Param(name, value) for name, value in parameters.items()]
        for start in range(0, len(params), PARAMS_PER_CALL):
            self.client.log_batch(self.run_id, params=params[start : start + PARAMS_PER_CALL])
        if record.dataset:
            self.client.log_inputs(self.run_id, [_dataset(record)])
        if not is_new:
            self.client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tag_values.items()])
            self.client.update_run(self.run_id, status="RUNNING")
        if sampling_seconds is not None:
            self._system_metrics = SystemMetrics(self.run_id, sampling_seconds, resume=known.data.metrics != {})
        record.run_id, record.experiment_id = self.run_id, str(known.info.experiment_id)
        if is_new and record.is_sweep:  # which a resume finds by its tags, however it ends
            self._delete_doubles(record)

    def last_epoch(self) -> int:
        """Return the last epoch that the store has of the run, 0 if it has none."""
        logged = self.client.get_metric_history(self.run_id, "time/epoch_seconds")  # in every row, and always finite
        return max((metric.step for metric in logged), default=0)

    def log_epochs(self, rows: Iterable[dict[str, float]]) -> None:
        """Log rows of the history, each with ``epoch``, ``timestamp`` and metrics, in few calls, a row whole in one."""
        batch: list[Metric] = []
        for row in rows:
            values = _values(row, int(row["epoch"]), row["timestamp"])
            if len(batch) + len(values) > METRICS_PER_CALL:
                self._log(batch)
                batch = []
            batch += values
        self._log(batch)

    def _log(self, values: Sequence[Metric]) -> None:
        for start in range(0, len(values), METRICS_PER_CALL):
            self.client.log_batch(self.run_id, metrics=values[start : start + METRICS_PER_CALL])

    def log_file(self, directory: Path, path: Path) -> None:
        """Log one file of a folder, at a path relative to it, among the run's artifacts."""
        log_file(self.client, self.run_id, self._artifacts, directory, path)

    def finish(self, record: RunRecord, directory: Path, model: Any | None) -> None:
        """Log final metrics, files and the model, and close the run with the record's status.

        Args:
            record: its ``metrics``, ``tags``, ``status`` and ``end_time`` are what is logged.
            directory: the run's own.
            model: the Keras model, or ``None`` where there is none.
        """
        end = record.end_time or time.time()
        self._stop_sampling()
        epochs = int(record.metrics.get("epochs", 0))
        model_id = None if model is None else log_model(self.client, self.run_id, record, model, epochs, directory)
        self._log(_values(record.metrics, epochs, end, model_id))
        tags = cut(record.tags, TAG)
        if not record.is_sweep:  # which is described when it has been compared
            tags |= described(self.client.get_run(self.run_id).data.tags, describe_run(record)[:TAG])
        self.client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tags.items()])
        for path in logged_files(directory, record):
            self.log_file(directory, path)
        self._delete_doubles(record)
        self.client.set_terminated(self.run_id, record.status, milliseconds(end))

    def amend(self, record: RunRecord, directory: Path) -> None:
        """Bring tags, description and record of another run, which has ended, up to date.

        Args:
            record: of that run, which the store has.
            directory: of that run.
        """
        run_id = str(record.run_id)
        run = self.client.get_run(run_id)
        tags = cut(record.tags, TAG) | described(run.data.tags, describe_run(record)[:TAG])
        changed = {name: value for name, value in tags.items() if run.data.tags.get(name) != value}
        self.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in changed.items()])
        log_file(self.client, run_id, run.info.artifact_uri, directory, Path(RECORD))

    def abandon(self) -> None:
        """Stop sampling, and close the run if its server still can."""
        with contextlib.suppress(Exception):
            self._stop_sampling()
        with contextlib.suppress(Exception):
            self.client.set_terminated(self.run_id, "FAILED")

    def _stop_sampling(self) -> None:
        """End the samples of CPU and memory use, and log a last one: a short run has no other."""
        if self._system_metrics is not None:
            sampling, self._system_metrics = self._system_metrics, None
            sampling.finish()


def _values(metrics: dict[str, float], step: int, timestamp: float, model_id: str | None = None) -> list[Metric]:
    return [
        Metric(name, value, milliseconds(timestamp), step, model_id=model_id)
        for name, value in finite_metrics(metrics).items()
        if name not in ("epoch", "timestamp")
    ]


def _dataset(record: RunRecord) -> DatasetInput:
    data = record.dataset
    return DatasetInput(
        Dataset(
            name=str(data["name"])[:DATASET],
            digest=str(data["sha256"])[:SIGNIFICANT_DIGEST],
            source_type="local",
            source=json.dumps({"uri": str(data["source"])}),
            profile=json.dumps(data),
        ),
        tags=[InputTag("mlflow.data.context", "training")],
    )

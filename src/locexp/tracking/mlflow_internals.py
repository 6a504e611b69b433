"""What locexp needs of MLflow beyond its documented interface, in one place, each with its reason.

A new release may change any of it; tests/tracking/test_mlflow_internals.py says which. MLflow is imported where it is
used: the addresses and the database are needed before anything heavy is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

LOGGERS = ("mlflow", "mlflow.system_metrics.system_metrics_monitor")
"""The second sets a level of its own, so silencing the first does not silence it."""
LEAN_SERVER = {
    # Undocumented. Without it, a server is ten processes and 2.3 GB; with it, two processes and .5 GB.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class SystemMetrics:
    """Samples of CPU, memory, disk and network use, logged beside a run.

    ``mlflow.start_run(log_system_metrics=True)`` is the public way, but a run that ends before the first interval has
    passed would have no sample, and the monitor that it makes cannot be reached to take one.

    Args:
        run_id: of the active run.
        sampling_seconds: between samples.
        resume: continue the steps of the samples that the run has already.
    """

    def __init__(self, run_id: str, sampling_seconds: int, *, resume: bool) -> None:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        self._monitor = SystemMetricsMonitor(run_id, sampling_interval=sampling_seconds, resume_logging=resume)
        self._monitor.start()

    def finish(self) -> None:
        """Stop, and log a last sample."""
        self._monitor.finish()
        self._monitor.collect_metrics()
        self._monitor.publish_metrics(self._monitor.aggregate_metrics())
        self._monitor.mlflow_logger.flush()


def silence_loggers() -> None:
    """Keep MLflow's messages below errors off the screen, where the command writes."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are raised as well, and shown once


def use_store(uri: str) -> None:
    """Point MLflow at a store, but leave the variable by which a user chooses one, and which MLflow overwrites."""
    import mlflow

    given = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    if given is not None:
        os.environ["MLFLOW_TRACKING_URI"] = given
    else:
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def stored_experiment(database: Path, name: str, seconds: float) -> tuple[str | None, str] | None:
    """Return where an experiment keeps its artifacts, and its life-cycle stage, read from the tables of a SQLite store.

    A client would import MLflow (seconds), and make the store where there is none.

    Args:
        database: the file.
        name: of the experiment.
        seconds: how long a lock is waited for.

    Returns:
        ``None`` where the store has no such experiment.

    Raises:
        sqlite3.DatabaseError: it is no database, is locked, or not MLflow's.
    """
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=seconds)) as connection:
        row: tuple[str | None, str] | None = connection.execute(
            "SELECT artifact_location, lifecycle_stage FROM experiments WHERE name = ?", (name,)
        ).fetchone()
    return row


def run_link(base: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run in the MLflow UI served at ``base``."""
    return f"{base}/#/experiments/{experiment_id}/runs/{run_id}"


def experiment_link(
    base: str, experiment_id: str, *, view: str = "TABLE", order_by: str = "test/loc_acc_50", condition: str = ""
) -> str:
    """Return the address of an experiment's runs: flat, sorted by a metric (TABLE) or as charts (CHART).

    MLflow 3 opens experiments in its GenAI mode unless the workflow type is given; sorting by a metric shows nested
    runs, which it folds away otherwise. ``condition`` is a search filter.
    """
    search = f"&searchFilter={urllib.parse.quote(condition, safe='')}" if condition else ""
    metric = urllib.parse.quote(f"metrics.`{order_by}`", safe="")
    return (
        f"{base}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&compareRunsMode={view}"
        f"&orderByKey={metric}&orderByAsc=false{search}"
    )


def parallel_link(base: str, experiment_id: str, run_ids: Sequence[str]) -> str:
    """Return the address of the parallel coordinates of runs; it grows with each run."""
    runs = urllib.parse.quote(json.dumps(list(run_ids), separators=(",", ":")), safe="")
    experiments = urllib.parse.quote(json.dumps([experiment_id]), safe="")
    return f"{base}/#/compare-runs?runs={runs}&experiments={experiments}"

"""What locexp needs of MLflow beyond its documented interface, in one place, each with its reason.

A new release may change any of it; tests/tracking/test_mlflow_internals.py says which. MLflow is imported where it is
used: the addresses and the database are needed before anything heavy is.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import re
import shlex
import sqlite3
import sys
import urllib.parse
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locexp.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModelOutput

LOGGERS = ("mlflow", "mlflow.system_metrics.system_metrics_monitor")
"""The second sets a level of its own, so silencing the first does not silence it."""
LEAN_SERVER = {
    # Undocumented. Without it, a server is ten processes and 2.3 GB; with it, two processes and .5 GB.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
MODE = "workflowType=machine_learning"
"""In an address: without it, MLflow opens its pages for generative AI unless the browser has last seen the others."""
CHECKED_BYTES = 50_000_000
"""A SQLite store up to this size is looked through for damage before a run, which takes .3 s."""
SERVER_KEEPS = tuple(f"MLFLOW_{name}_" for name in ("S3", "BOTO", "GCS", "KERBEROS", "SQLALCHEMYSTORE", "MYSQL"))
"""Prefixes of the variables that our server gets: it reads others as options, such as to which machines it listens."""


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


def list_output(client: MlflowClient, run_id: str, output: LoggedModelOutput) -> None:
    """List a model as an output of a run; a server is asked once, and what fails is raised.

    ``MlflowClient.log_outputs`` asks again where an answer is lost, and has no argument that says not to; a server then
    lists the model again.
    """
    if not client.tracking_uri.startswith("http"):
        client.log_outputs(run_id, [output])
        return
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request_safe

    body = {"run_id": run_id, "models": [{"model_id": output.model_id, "step": output.step}]}
    server = get_default_host_creds(client.tracking_uri)
    http_request_safe(server, "/api/2.0/mlflow/runs/outputs", "POST", max_retries=0, json=body)


def trust_requirements() -> None:
    """Let MLflow save models without a look at whether their requirements are installed.

    For that it reads the list of files of every package that is, .3 s of a short run, only to warn, on a logger that is
    silent here; and what locexp requires of a model is what is installed.
    """
    from mlflow.utils import environment

    environment.warn_dependency_requirement_mismatches = lambda *_, **__: None


class StoredExperiment(NamedTuple):
    """An experiment in the tables of a SQLite store: its id, where it keeps artifacts, and its life-cycle stage."""

    id: str
    artifacts: str | None
    stage: str


def check_store(database: Path, name: str, seconds: float) -> StoredExperiment | None:
    """Check that MLflow can open a SQLite store and write to it, and return an experiment that it has.

    A client would import MLflow (seconds), and make the store where there is none. Nothing is written: the lock of a
    writer is taken and let go.

    Args:
        database: the file.
        name: of the experiment.
        seconds: how long a lock is waited for.

    Returns:
        ``None`` where the store has no such experiment, or was half made (see :func:`is_half_made`).

    Raises:
        UserError: its tables are not those that the installed MLflow knows.
        sqlite3.DatabaseError: it is no database, is locked, or cannot be written.
    """
    address = f"{database.as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=seconds, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        if is_half_made(connection):
            return None
        _check_schema(database, connection)
        if database.stat().st_size <= CHECKED_BYTES:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")
        row = connection.execute(
            "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments WHERE name = ?", (name,)
        ).fetchone()
    return None if row is None else StoredExperiment(str(row[0]), row[1], row[2])


def is_half_made(connection: sqlite3.Connection) -> bool:
    """Whether a database is one that was left while MLflow made its tables: not all are there, and nothing is in them.

    MLflow itself can neither open such a store nor mend it.
    """
    if not _tables(connection):
        return True
    if "experiments" not in _tables(connection) or _revision(connection) == _revisions()[0]:
        return False
    holding = [name for name in ("experiments", "runs", "registered_models") if name in _tables(connection)]
    return not any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in holding)


def is_store(database: Path) -> bool:
    """Return whether a SQLite file is there, and is more than a store that was left half made."""
    if not database.is_file() or database.stat().st_size == 0:
        return False
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection:
        return not is_half_made(connection)


def _check_schema(database: Path, connection: sqlite3.Connection) -> None:
    if "experiments" not in _tables(connection):
        raise UserError(f"tracking.uri: {database} is a database, but not MLflow's; expected a folder of its own.")
    found, (newest, known) = _revision(connection), _revisions()
    if found == newest:
        return
    what, version = f"tracking.uri: {database} is a store of", metadata.version("mlflow")
    if found in known or found is None:
        command = shlex.join([sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{database}"])
        raise UserError(f"{what} an older MLflow than {version}; copy it, then bring it up to date with `{command}`")
    raise UserError(
        f"{what} another MLflow than {version}, a newer one by all signs (its schema is {found}); update mlflow, or "
        "give another tracking.uri."
    )


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision of a store's tables, which Alembic keeps; ``None`` where it has none yet."""
    if "alembic_version" not in _tables(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


@functools.cache
def _revisions() -> tuple[str, frozenset[str]]:
    """Return the revision of the tables that the installed MLflow wants, and all that it can bring up to date."""
    spec = importlib.util.find_spec("mlflow")
    assert spec is not None
    assert spec.origin is not None
    known, replaced = set(), set()
    for path in Path(spec.origin).parent.glob("store/db_migrations/versions/*.py"):
        text = path.read_text(encoding="utf-8")
        known |= set(re.findall(r"^revision = ['\"](\w+)", text, re.MULTILINE))
        replaced |= set(re.findall(r"^down_revision = ['\"](\w+)", text, re.MULTILINE))
    (newest,) = known - replaced
    return newest, frozenset(known)


def make_store(database: Path) -> bool:
    """Make a SQLite store where there is none, or one that was half made; it appears whole, or not at all.

    MLflow makes its tables one by one in the place itself, and can do nothing with what a killed process leaves.

    Args:
        database: the file; the caller keeps others from making it.

    Returns:
        Whether a half-made one was replaced.
    """
    if is_store(database):
        return False
    is_replaced = database.exists() and database.stat().st_size > 0
    from mlflow.store.db import utils
    from sqlalchemy import create_engine

    partial = database.with_name(f"{database.name}.partial")
    _remove(partial)
    engine = create_engine(f"sqlite:///{partial}")
    try:
        utils._initialize_tables(engine)
    except BaseException:
        engine.dispose()
        _remove(partial)
        raise
    engine.dispose()
    _remove(database)
    partial.replace(database)
    return is_replaced


def _remove(database: Path) -> None:
    """Remove a database and its journals: one that was left would be played back into the next database."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def run_link(base: str, experiment_id: str, run_id: str, artifact: str = "") -> str:
    """Return the address of a run in the MLflow UI served at ``base``, or of one of its artifacts in the viewer."""
    path = f"/artifacts/{urllib.parse.quote(artifact)}" if artifact else ""
    return f"{base}/#/experiments/{experiment_id}/runs/{run_id}{path}?{MODE}"


def artifact_address(run_id: str, path: str) -> str:
    """Return where MLflow's own pages find an artifact, such as a picture in a description."""
    return f"get-artifact?{urllib.parse.urlencode({'path': path, 'run_uuid': run_id}, safe='/')}"


def view_link(base: str, experiment_id: str, key: str, *, mode: str = "TABLE") -> str:
    """Return the address that opens a saved view, as a table or as charts (CHART).

    With a filter or an order in the address, MLflow would not look at the view.
    """
    return f"{base}/#/experiments/{experiment_id}/runs?{MODE}&compareRunsMode={mode}&viewStateShareKey={key}"


def experiment_link(
    base: str, experiment_id: str, *, view: str = "TABLE", order_by: str = "test/loc_acc_50", condition: str = ""
) -> str:
    """Return the address of an experiment's runs: flat, sorted by a metric (TABLE) or as charts (CHART).

    Sorting by a metric shows nested runs, which MLflow folds away otherwise. ``condition`` is a search filter.
    """
    search = f"&searchFilter={urllib.parse.quote(condition, safe='')}" if condition else ""
    metric = urllib.parse.quote(f"metrics.`{order_by}`", safe="")
    return (
        f"{base}/#/experiments/{experiment_id}/runs?{MODE}&compareRunsMode={view}"
        f"&orderByKey={metric}&orderByAsc=false{search}"
    )

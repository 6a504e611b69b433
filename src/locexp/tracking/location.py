"""Where results are tracked: resolving and probing it before anything heavy is imported."""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import socket
import sqlite3
import sys
import threading
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import proxy_bypass

from omegaconf import DictConfig

from locexp.configuration.quoting import as_text
from locexp.configuration.schema import TrackingConfig
from locexp.errors import UserError, first_line
from locexp.records.record import RunRecord
from locexp.system.commands import command, typed
from locexp.system.folders import check_writable
from locexp.tracking.address import DATABASE, read_artifact_root, read_store
from locexp.tracking.mlflow_internals import check_store
from locexp.tracking.probe import fetch, is_away, why_not

PROBE_SECONDS = 3.0
"""How long a tracking server may take to answer before the run is refused."""
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


@dataclass(frozen=True)
class Location:
    """A tracking store and the experiment in it.

    Attributes:
        uri: for MLflow, absolute: ``sqlite:////…`` or ``http(s)://…`` or another database.
        database: the SQLite file of a local store, else ``None``.
        artifact_root: where a new experiment keeps artifacts, absolute; ``None`` leaves it to the server.
        experiment: its name.
    """

    uri: str
    database: Path | None
    artifact_root: str | None
    experiment: str

    @property
    def is_server(self) -> bool:
        """Whether it is an MLflow server, reached over HTTP."""
        return self.uri.startswith(("http://", "https://"))


def locate(uri: str | None, artifact_root: str | None, experiment: str) -> Location:
    """Resolve the ``tracking`` keys against the current directory; nothing is made or opened.

    Args:
        uri: ``None`` for ./mlruns, a folder, ``sqlite:///…``, ``http(s)://…`` or another database address.
        artifact_root: a folder or an address; ``None`` for ``artifacts`` beside the database, or the server's choice.
        experiment: name of the MLflow experiment.

    Raises:
        UserError: an address cannot be used.
    """
    store = Path("mlruns") / DATABASE if uri is None else read_store(uri)
    if isinstance(store, Path):
        database = Path(os.path.normpath(store.absolute()))
        if "?" in str(database):  # SQLAlchemy would end the path there
            raise UserError(f"tracking.uri: {database}: a path with a question mark cannot hold a store.")
        beside = database.parent
        location = Location(f"sqlite:///{database}", database, None, experiment)
    else:
        beside = Path("mlruns").absolute()
        location = Location(store, None, None, experiment)
    if artifact_root is not None:
        return replace(location, artifact_root=read_artifact_root(artifact_root, of_server=location.is_server))
    return location if location.is_server else replace(location, artifact_root=(beside / "artifacts").as_uri())


def lock_of(database: Path) -> Path:
    """Return the file that a process holds while it makes a SQLite store."""
    return database.with_suffix(".lock")


def location_of(tracking: DictConfig) -> Location:
    """Resolve a ``tracking`` configuration."""
    return locate(tracking.uri, tracking.artifact_root, tracking.experiment)


def check(location: Location) -> None:
    """Check that results can go there, in at most :data:`PROBE_SECONDS`; writes nothing.

    Raises:
        UserError: the server does not answer, is not MLflow's, the folder is not writable, a store was moved or is not
            one that this MLflow can open, or the experiment was deleted.
    """
    if location.database is None:
        _check_answer(location)
    else:
        check_writable(location.database.parent, "tracking.uri")
        _check_database(location.database, location)
    if location.artifact_root is not None and location.artifact_root.startswith("file://"):
        check_writable(local_path(location.artifact_root), "tracking.artifact_root")


def local_path(uri: str) -> Path:
    """Return the path that a ``file://`` address names."""
    return Path(urllib.request.url2pathname(urllib.parse.urlparse(uri).path))


def _check_database(database: Path, location: Location) -> None:
    """Check that MLflow can open and write a SQLite store; where there is none, it makes one."""
    if os.environ.get("MLFLOW_ENABLE_WORKSPACES", "").lower() in ("true", "1"):
        raise UserError(
            f"MLFLOW_ENABLE_WORKSPACES is set, but {database} is no server, which alone has them; unset it."
        )
    if not os.path.lexists(database):
        return
    key = f"tracking.uri: {database}"
    if not database.is_file():
        raise UserError(f"{key} is not a file; expected MLflow's database, or a folder without one.")
    lock = lock_of(database)
    try:
        if lock.exists():
            lock.open("r+b").close()
        experiment = check_store(database, location.experiment, PROBE_SECONDS)
    except OSError as error:
        raise UserError(f"{key} cannot be written ({lock}: {error.strerror or error}).") from None
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return  # MLflow waits for it
        raise UserError(f"{key} cannot be opened ({error}).") from None
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error):
            raise UserError(
                f"{key} is damaged ({first_line(error)}). Put a copy back, or move it away: then "
                "`python -m locexp.log FOLDER` logs the folder of a run or a sweep in a new one."
            ) from None
        raise UserError(f"{key} is not a database ({error}); expected MLflow's, or a folder without one.") from None
    if experiment is None:
        return
    if experiment.stage != "active":
        raise deleted(location, experiment.id)
    artifacts = experiment.artifacts
    if artifacts and artifacts.startswith("file://") and artifacts != location.artifact_root:
        folder = local_path(artifacts)
        if not folder.is_dir():
            raise UserError(
                f"tracking.experiment={location.experiment}: keeps its artifacts in {folder}, which is not there (was "
                "the folder moved?); move it back, or give another tracking.experiment."
            )
        check_writable(folder, f"tracking.experiment={location.experiment}: its artifacts")


def deleted(location: Location, experiment_id: str) -> UserError:
    """Return the error of an experiment that was deleted."""
    restore = mlflow_command(location, "experiments", "restore", "--experiment-id", experiment_id)
    return UserError(
        f"tracking.experiment={location.experiment}: was deleted in this store; restore it with `{restore}`, or give "
        "another name."
    )


def deleted_run(location: Location, run_id: str) -> UserError:
    """Return the error of a run that was deleted."""
    restore = mlflow_command(location, "runs", "restore", "--run-id", run_id)
    return UserError(f"run {run_id} was deleted in {location.uri}; restore it with `{restore}`")


def mlflow_command(location: Location, *arguments: str) -> str:
    """Return a command of MLflow on a store, as it can be pasted into a shell from any folder."""
    line = shlex.join([sys.executable, "-m", "mlflow", *arguments])
    return f"MLFLOW_TRACKING_URI={shlex.quote(location.uri)} {line}"


def _check_answer(location: Location) -> None:
    """Check that an MLflow server answers for its experiments, or the host that a database names takes a connection.

    Raises:
        UserError: something is wrong, or there was no answer in time.
    """
    parts = urllib.parse.urlsplit(location.uri)
    port = parts.port or DATABASE_PORTS.get(parts.scheme.split("+")[0])
    if not location.is_server and (parts.hostname is None or port is None):
        return
    failure, may_be_off = f"no answer within {PROBE_SECONDS:g} s", True
    experiment: dict[str, str] = {}

    def probe() -> None:
        nonlocal failure, may_be_off, experiment
        try:
            if location.is_server:
                fetch(f"{location.uri}/api/2.0/mlflow/experiments/search?max_results=1", PROBE_SECONDS)
                with contextlib.suppress(OSError, LookupError, TypeError):  # not there yet
                    experiment = fetch(experiment_address(location.uri, location), PROBE_SECONDS)["experiment"]
            else:
                socket.create_connection((parts.hostname, port), PROBE_SECONDS).close()
            failure = ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure, may_be_off = why_not(error), is_away(error)

    # In a thread: looking up a host name cannot be given a time limit.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if failure:
        host = parts.hostname or ""
        proxied = location.is_server and parts.scheme in urllib.request.getproxies() and not proxy_bypass(host)
        through = f", through the proxy that {parts.scheme}_proxy names" if proxied else ""
        remedy = "Start the server" if may_be_off and not proxied else "Check the address"
        raise UserError(
            f"tracking.uri={location.uri}: {failure}{through}. {remedy}, or leave tracking.uri out to use ./mlruns."
        )
    if experiment.get("lifecycle_stage") == "deleted":
        raise deleted(location, experiment["experiment_id"])


def experiment_address(base: str, location: Location) -> str:
    """Return where the server at ``base`` answers for the experiment."""
    query = urllib.parse.urlencode({"experiment_name": location.experiment})
    return f"{base}/api/2.0/mlflow/experiments/get-by-name?{query}"


def unused_root(location: Location, given: str | None) -> list[str]:
    """Return, in words, that ``tracking.artifact_root`` has no effect: the experiment exists, with another."""
    kept = None
    with contextlib.suppress(OSError, sqlite3.Error, UserError, http.client.HTTPException, LookupError, ValueError):
        if given is not None and location.is_server:
            kept = fetch(experiment_address(location.uri, location), PROBE_SECONDS)["experiment"]["artifact_location"]
        elif given is not None and location.database is not None:
            found = check_store(location.database, location.experiment, PROBE_SECONDS)
            kept = found and found.artifacts
    if not kept or kept.rstrip("/") == (location.artifact_root or "").rstrip("/"):
        return []
    return [
        f"tracking.artifact_root={given} has no effect: experiment {location.experiment} exists, and keeps its "
        f"artifacts in {kept}. Give another tracking.experiment."
    ]


def answers(location: Location) -> bool:
    """Return whether the store can be reached now."""
    try:
        check(location)
    except UserError:
        return False
    return True


def ui_command(location: Location) -> str:
    """Return the command that shows a store, as short as it can be from the current directory."""
    return command("ui", *(f"--uri={store}" for store in _not_usual(location)))


def location_in(record: RunRecord) -> Location:
    """Return where a record says that it is tracked."""
    return locate(record.tracking_uri, record.artifact_root, record.experiment)


def store_overrides(location: Location) -> list[str]:
    """Return the overrides that name a store, for a command that is given in the current directory."""
    overrides = [as_text("tracking.uri", store) for store in _not_usual(location)]
    if location.experiment != TrackingConfig.experiment:
        overrides.append(as_text("tracking.experiment", location.experiment))
    return overrides


def _not_usual(location: Location) -> list[str]:
    """Return where a store is, as short as it can be from the current directory; nothing if it is the usual one."""
    usual = locate(None, None, location.experiment)
    if location.uri == usual.uri:
        return []
    database = location.database
    return [location.uri if database is None or database.name != DATABASE else typed(database.parent)]

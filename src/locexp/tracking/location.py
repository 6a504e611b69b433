"""Where results are tracked: resolving and probing it before anything heavy is imported."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sqlite3
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from locexp.configuration.quoting import as_text
from locexp.configuration.schema import TrackingConfig
from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.system.commands import command, typed
from locexp.system.folders import check_writable
from locexp.tracking.mlflow_internals import experiment_link, parallel_link, run_link, stored_experiment

PROBE_SECONDS = 3.0
"""How long a tracking server may take to answer before the run is refused."""
DATABASE = "mlflow.db"
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
    """
    database: Path | None = None
    if uri is None or "://" not in uri or uri.startswith("file://"):
        folder = Path(urllib.parse.unquote(uri.removeprefix("file://")) if uri else "mlruns")
        database = folder.expanduser().absolute() / DATABASE
    elif uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).absolute()
    if database is not None:
        database = Path(os.path.normpath(database))
        uri = f"sqlite:///{database}"
    assert uri is not None
    if artifact_root is None:
        if database is not None:
            artifact_root = (database.parent / "artifacts").as_uri()
        elif not uri.startswith(("http://", "https://")):
            artifact_root = (Path("mlruns") / "artifacts").absolute().as_uri()
    elif "://" not in artifact_root:
        artifact_root = Path(artifact_root).expanduser().absolute().as_uri()
    return Location(uri if uri.endswith("://") else uri.rstrip("/"), database, artifact_root, experiment)


def location_of(tracking: DictConfig) -> Location:
    """Resolve a ``tracking`` configuration."""
    return locate(tracking.uri, tracking.artifact_root, tracking.experiment)


def check(location: Location) -> None:
    """Check that results can go there, in at most :data:`PROBE_SECONDS`; writes nothing.

    Raises:
        UserError: the server does not answer, is not MLflow's, the folder is not writable, a store was moved, or the
            address holds a password, which would be logged with the run's parameters.
    """
    if location.is_server and urllib.parse.urlsplit(location.uri).password:
        raise UserError(
            "tracking.uri holds a password, which would be logged with the run; leave it out and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    _check_address(location.uri)
    if location.database is None:
        _check_answer(location)
    else:
        check_writable(location.database.parent, "tracking.uri")
        _check_database(location.database, location)
    if location.artifact_root is not None and location.artifact_root.startswith("file://"):
        check_writable(local_path(location.artifact_root), "tracking.artifact_root")


def _check_address(uri: str) -> None:
    """Check that an address can be read as one; raises :class:`UserError`."""
    if uri.startswith("sqlite:") and not uri.startswith("sqlite:///"):
        raise UserError(f"tracking.uri={uri}: expected three slashes before the path of the file: sqlite:///PATH")
    try:
        parts = urllib.parse.urlsplit(uri)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        readable = False
    if not readable or (uri.startswith(("http:", "https:")) and not parts.hostname):
        raise UserError(f"tracking.uri={uri}: expected an address with a host, such as http://127.0.0.1:5000")


def local_path(uri: str) -> Path:
    """Return the path that a ``file://`` address names."""
    return Path(urllib.request.url2pathname(urllib.parse.urlparse(uri).path))


def _check_database(database: Path, location: Location) -> None:
    if not database.exists() or database.stat().st_size == 0:
        return
    key = f"tracking.uri: {database}"
    try:
        experiment = stored_experiment(database, location.experiment, PROBE_SECONDS)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            return  # busy or locked: MLflow waits for it
        raise UserError(f"{key} is a database, but not MLflow's; expected a folder of its own.") from None
    except sqlite3.DatabaseError as error:
        raise UserError(f"{key} is not a database ({error}); expected MLflow's, or a folder without one.") from None
    if experiment is None:
        return
    artifacts, stage = experiment
    if stage != "active":
        raise deleted(location.experiment)
    if artifacts and artifacts.startswith("file://") and artifacts != location.artifact_root:
        place = local_path(artifacts)
        if not place.is_dir():
            raise UserError(
                f"tracking.experiment={location.experiment}: keeps its artifacts in {place}, which is not there (was "
                "the folder moved?); move it back, or give another tracking.experiment."
            )


def deleted(experiment: str) -> UserError:
    """Return the error of an experiment that was deleted."""
    return UserError(
        f"tracking.experiment={experiment}: was deleted in this store; restore it with `mlflow experiments restore`, "
        "or give another name."
    )


def _check_answer(location: Location) -> None:
    """Check that an MLflow server answers for its experiments, or the host that a database names takes a connection.

    Raises:
        UserError: something is wrong, or there was no answer in time.
    """
    uri, shown = location.uri, location.uri
    parts = urllib.parse.urlsplit(uri)
    port = parts.port or DATABASE_PORTS.get(parts.scheme.split("+")[0])
    if not location.is_server:
        if parts.hostname is None or port is None:
            return
        shown = uri.replace(parts.netloc, parts.netloc.rpartition("@")[2])
    failure = f"no answer within {PROBE_SECONDS:g} s"

    def probe() -> None:
        nonlocal failure
        try:
            if location.is_server:
                request = f"{uri}/api/2.0/mlflow/experiments/search?max_results=1"
                with urllib.request.urlopen(request, timeout=PROBE_SECONDS) as answer:
                    json.load(answer)
            else:
                socket.create_connection((parts.hostname, port), PROBE_SECONDS).close()
            failure = ""
        except urllib.error.HTTPError as error:
            alive = error.code in (401, 403)  # and MLflow's client will bring its credentials
            failure = "" if alive else f"it answers {error.code} {error.reason}, so it is not an MLflow server"
        except http.client.HTTPException:
            failure = "it does not answer in HTTP, so it is not an MLflow server"
        except ValueError:
            failure = "it does not answer in JSON, so it is not an MLflow server"
        except OSError as error:
            failure = str(error.reason if isinstance(error, urllib.error.URLError) else error)

    # In a thread: looking up a host name cannot be given a time limit.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if failure:
        raise UserError(
            f"tracking.uri={shown}: {failure}. Start the server, or leave tracking.uri out to use ./mlruns."
        )


def answers(location: Location) -> bool:
    """Return whether the store can be reached now."""
    try:
        check(location)
    except UserError:
        return False
    return True


def sweep_links(
    base: str, experiment_id: str, sweep_id: str, parent_run_id: str, run_ids: Sequence[str]
) -> dict[str, str]:
    """Return the addresses that open a sweep in the MLflow UI served at ``base``.

    Args:
        base: where the UI is.
        experiment_id, sweep_id, parent_run_id: of the sweep.
        run_ids: of the runs for the parallel coordinates; the address grows with each.

    Returns:
        ``report`` (in the artifact viewer of the parent run), ``charts`` (of the sweep's runs) and ``parallel``.
    """
    own = f"tags.sweep_id = '{sweep_id}' and tags.kind = 'run'"
    return {
        "report": f"{run_link(base, experiment_id, parent_run_id)}/artifacts/comparison/report.html",
        "charts": experiment_link(base, experiment_id, view="CHART", condition=own),
        "parallel": parallel_link(base, experiment_id, run_ids),
    }


def ui_command(location: Location) -> str:
    """Return the command that shows a store, as short as it can be from the current directory."""
    return command("ui", *(f"--uri={place}" for place in _not_usual(location)))


def store_overrides(record: RunRecord) -> list[str]:
    """Return the overrides that name the store of a run, for a command that is given in the current directory."""
    location = locate(record.tracking_uri, record.artifact_root, record.experiment)
    overrides = [as_text("tracking.uri", place) for place in _not_usual(location)]
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

"""Runs and sweeps in a tracking store, read as records."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from locexp.errors import RunFailedError, UserError, first_line, nearest
from locexp.records.files import OF_SWEEP, file_within
from locexp.records.record import RunRecord
from locexp.records.store import Describe
from locexp.system.process import uncollected
from locexp.tracking.artifacts import log_file
from locexp.tracking.location import Location, deleted_run, local_path
from locexp.tracking.mlflow_internals import is_store
from locexp.tracking.presenting import Presented, known_views, not_presented, present
from locexp.tracking.views import condition_of

PAGE, SERVER_PAGE = 1000, 100
"""Runs that are asked for at a time. A busy server takes over ten seconds for a thousand; longer is not waited for."""


@contextmanager
def store_errors(location: Location) -> Iterator[None]:
    """Turn what MLflow and SQLite raise meanwhile into a :class:`RunFailedError` of one line."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:  # another program may hold the database
        raise RunFailedError(
            f"tracking.uri={location.uri}: cannot be read or written ({first_line(error)})."
        ) from error


def has_run(location: Location, record: RunRecord) -> bool:
    """Return whether a store has the run of a record.

    Raises:
        UserError: it was deleted there; the message has the command that restores it.
    """
    if record.run_id is None or (location.database is not None and not is_store(location.database)):
        return False
    try:
        info = MlflowClient(location.uri).get_run(record.run_id).info
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    if info.lifecycle_stage == "deleted":
        raise deleted_run(location, record.run_id)
    return True


def has_samples(location: Location, record: RunRecord) -> bool:
    """Return whether a store has samples of CPU and memory use of a run that it has; raises MlflowException."""
    run = MlflowClient(location.uri).get_run(str(record.run_id))
    return any(name.startswith("system/") for name in run.data.metrics)


class MlflowStore:
    """An experiment of a tracking store; nothing is created.

    Raises:
        UserError: there is no such store or experiment.
    """

    label = "the store"
    note = ""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._artifact_uris: dict[str, str] = {}
        if location.database is not None and not is_store(location.database):
            raise UserError(
                f"{location.database.parent}: holds no store yet; run python -m locexp.train first, "
                "or give tracking.uri."
            )
        self.client = MlflowClient(location.uri)
        found = self.client.get_experiment_by_name(location.experiment)
        if found is None:
            names = [experiment.name for experiment in self.client.search_experiments()]
            raise UserError(
                f"tracking.experiment={location.experiment}: is not in {location.uri}."
                f"{nearest(location.experiment, names)}"
            )
        self.experiment_id = str(found.experiment_id)

    def run(self, run_id: str) -> RunRecord:
        """Return a run by its id, of whatever experiment; raises :class:`UserError` where the store has none."""
        try:
            return self._record(self.client.get_run(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise UserError(f"{self.location.uri} has no run {run_id}.") from None
            raise

    def sweeps(self) -> list[RunRecord]:
        """Return the parent runs of all sweeps, the latest first."""
        return self._search("tags.kind = 'sweep'")

    def sweep(self, which: str) -> RunRecord:
        """Return the parent run of a sweep.

        Args:
            which: a sweep id, the run id of the parent, or ``last``.

        Raises:
            UserError: there is no such sweep.
        """
        if which != "last":
            found = self._search(f"tags.kind = 'sweep' and tags.sweep_id = '{_quotable(which)}'")
            if found:
                return found[0]
        known = self.sweeps()
        if not known:
            raise UserError(
                f"{which}: there is no sweep in experiment {self.location.experiment} of {self.location.uri}; "
                "python -m locexp.train --multirun KEY=A,B makes one."
            )
        if which == "last":
            return known[0]
        for run in known:
            if run.run_id == which:
                return run
        names = [run.tags["sweep_id"] for run in known]
        hint = nearest(which, names) or f" The latest is {names[0]}."
        raise UserError(f"{which}: there is no sweep of this id in {self.location.uri}.{hint}")

    def children(self, sweep_id: str) -> list[RunRecord]:
        """Return every run of a sweep, finished or not, the latest first."""
        return self._search(condition_of(_quotable(sweep_id)))

    def finished(self, most: int | None = None) -> list[RunRecord]:
        """Return the finished runs of the experiment, the latest first: so many of them at most, if that is given."""
        return self._search("tags.kind = 'run' and attributes.status = 'FINISHED'", most)

    def content(self, run: RunRecord, path: str) -> bytes | None:
        """Return an artifact's bytes, from the store; where that has none, from the run's folder on this machine."""
        assert run.run_id is not None
        uri = self._artifact_uris.get(run.run_id, "")
        is_here = uri.startswith("file://")
        folders = [local_path(uri)] if is_here else []
        folders += [Path(run.tags["directory"])] if run.tags.get("directory") else []
        for folder in folders:
            file = file_within(folder, path)
            if file is not None:
                return file.read_bytes()
        if is_here:
            return None
        with tempfile.TemporaryDirectory() as temporary:
            try:
                return Path(self.client.download_artifacts(run.run_id, path, temporary)).read_bytes()
            except (MlflowException, OSError):
                return None

    def keep_comparison(
        self, parent: RunRecord, runs: Sequence[RunRecord], folder: Path, describe: Describe
    ) -> list[str]:
        """Log the files of a comparison as artifacts of the parent run; write the sweep's views and description."""
        assert parent.run_id is not None
        uri = self._artifact_uris.get(parent.run_id)
        for name in OF_SWEEP[folder.name]:
            if (folder / name).is_file():
                log_file(self.client, parent.run_id, uri, folder.parent, Path(folder.name, name))
        return present(self.client, self.location, parent, runs, describe).notes

    def artifact_uri(self, run: RunRecord) -> str:
        """Return where the artifacts of a run of this store are."""
        assert run.run_id is not None
        return self._artifact_uris[run.run_id]

    def _search(self, condition: str, most: int | None = None) -> list[RunRecord]:
        found: list[RunRecord] = []
        token, size = None, SERVER_PAGE if self.location.is_server else PAGE
        while True:
            with uncollected():  # MLflow makes 200 objects for a run
                page = self.client.search_runs(
                    [self.experiment_id],
                    condition,
                    max_results=size if most is None else min(size, most - len(found)),
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
                found += [self._record(run) for run in page if _is_whole(run)]
            token = page.token
            if not token or len(found) == most:
                return found

    def _record(self, run: Run) -> RunRecord:
        self._artifact_uris[run.info.run_id] = run.info.artifact_uri or ""
        return RunRecord(
            name=run.info.run_name,
            status=run.info.status,
            parameters=dict(run.data.params),
            tags=dict(run.data.tags),
            metrics=dict(run.data.metrics),
            start_time=run.info.start_time / 1000,
            end_time=run.info.end_time / 1000 if run.info.end_time else None,
            tracking_uri=self.location.uri,
            experiment=self.location.experiment,
            run_id=run.info.run_id,
            experiment_id=run.info.experiment_id,
            logged=True,
        )


def presented_sweep(location: Location, parent: RunRecord) -> Presented:
    """Return which saved views a store has of a sweep: a comparison has written them, else they are written now.

    Args:
        location: of the store.
        parent: the sweep's parent run, which the store has.
    """
    try:
        views = known_views(MlflowStore(location).client, parent)
    except Exception as error:  # a server that was lost: its client raises what it likes
        return not_presented(error)
    return Presented(views, []) if views else present_sweep(location, parent.tags["sweep_id"])


def present_sweep(location: Location, sweep_id: str) -> Presented:
    """Write the saved views of a sweep to its store; failing costs a note."""
    try:
        store = MlflowStore(location)
        parent, runs = store.sweep(sweep_id), store.children(sweep_id)
    except Exception as error:  # a server that was lost: its client raises what it likes
        return not_presented(error)
    return present(store.client, location, parent, runs)


def _is_whole(run: Run) -> bool:
    """Whether a run still has the tags that it is known by: in a store, anybody can edit them."""
    tags = run.data.tags
    if tags.get("kind") == "sweep":
        return "sweep_id" in tags
    return "config_hash" in tags and re.fullmatch(r"-?\d+", tags.get("seed", "")) is not None


def _quotable(sweep_id: str) -> str:
    """Return a sweep id as it can stand in quotes in a search condition; raises :class:`UserError` for other text."""
    if not sweep_id.replace("-", "").replace("_", "").isalnum():
        raise UserError(f"{sweep_id}: expected the id of a sweep (letters, digits, - and _), or last.")
    return sweep_id

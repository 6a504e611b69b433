"""Reading runs and sweeps from a tracking store, as plain values."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from locexp.errors import RunFailedError, UserError, first_line, nearest
from locexp.system.process import uncollected
from locexp.tracking.location import Location, local_path

PAGE = 1000


@contextmanager
def asking(location: Location) -> Iterator[None]:
    """Say in one line, as a :class:`RunFailedError`, what the store cannot do meanwhile."""
    try:
        yield
    except MlflowException as error:
        raise RunFailedError(
            f"tracking.uri={location.uri}: cannot be read or written ({first_line(error)})."
        ) from error


@dataclass(frozen=True)
class StoredRun:
    """A run as the store has it; times are in seconds since 1970."""

    run_id: str
    name: str
    status: str
    start_time: float
    end_time: float | None
    artifact_uri: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


class Reader:
    """Reads an experiment of a store; nothing is created.

    Raises:
        UserError: there is no such store or experiment.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        if location.database is not None and not location.database.is_file():
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

    def run(self, run_id: str) -> StoredRun:
        """Return a run by its id, of whatever experiment; raises :class:`UserError` where the store has none."""
        try:
            return _plain(self.client.get_run(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise UserError(f"{self.location.uri} has no run {run_id}.") from None
            raise

    def sweeps(self) -> list[StoredRun]:
        """Return the parent runs of all sweeps, the latest first."""
        return self._search("tags.kind = 'sweep'")

    def sweep(self, identity: str) -> StoredRun:
        """Return the parent run of a sweep.

        Args:
            identity: a sweep id, the run id of the parent, or ``last``.

        Raises:
            UserError: there is no such sweep.
        """
        if identity != "last":
            found = self._search(f"tags.kind = 'sweep' and tags.sweep_id = '{_safe(identity)}'")
            if found:
                return found[0]
        known = self.sweeps()
        if not known:
            raise UserError(
                f"{identity}: there is no sweep in experiment {self.location.experiment} of {self.location.uri}; "
                "python -m locexp.train --multirun KEY=A,B makes one."
            )
        if identity == "last":
            return known[0]
        for run in known:
            if run.run_id == identity:
                return run
        names = [run.tags["sweep_id"] for run in known]
        hint = nearest(identity, names) or f" The latest is {names[0]}."
        raise UserError(f"{identity}: there is no sweep of this id in {self.location.uri}.{hint}")

    def children(self, sweep_id: str) -> list[StoredRun]:
        """Return every run of a sweep, finished or not, the latest first."""
        return self._search(f"tags.kind = 'run' and tags.sweep_id = '{_safe(sweep_id)}'")

    def finished(self) -> list[StoredRun]:
        """Return every finished run of the experiment, the latest first."""
        return self._search("tags.kind = 'run' and attributes.status = 'FINISHED'")

    def text(self, run: StoredRun, path: str) -> str | None:
        """Return a text artifact; ``None`` where the run has none of this path."""
        content = self.content(run, path)
        return None if content is None else content.decode()

    def content(self, run: StoredRun, path: str) -> bytes | None:
        """Return an artifact's bytes, from the store; where that has none, from the run's folder on this machine."""
        here = run.artifact_uri.startswith("file://")
        places = [local_path(run.artifact_uri) / path] if here else []
        places += [Path(run.tags["directory"]) / path] if run.tags.get("directory") else []
        for place in places:
            if place.is_file():
                return place.read_bytes()
        if here:
            return None
        with tempfile.TemporaryDirectory() as folder:
            try:
                return Path(self.client.download_artifacts(run.run_id, path, folder)).read_bytes()
            except (MlflowException, OSError):
                return None

    def _search(self, condition: str) -> list[StoredRun]:
        found: list[StoredRun] = []
        token = None
        while True:
            with uncollected():  # MLflow makes 200 objects for a run
                page = self.client.search_runs(
                    [self.experiment_id],
                    condition,
                    max_results=PAGE,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
                found += [_plain(run) for run in page]
            token = page.token
            if not token:
                return found


def _safe(identity: str) -> str:
    """A value inside a search condition; none of ours holds a quote."""
    if not identity.replace("-", "").replace("_", "").isalnum():
        raise UserError(f"{identity}: expected the id of a sweep (letters, digits, - and _), or last.")
    return identity


def _plain(run: Any) -> StoredRun:
    return StoredRun(
        run_id=run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        start_time=run.info.start_time / 1000,
        end_time=run.info.end_time / 1000 if run.info.end_time else None,
        artifact_uri=run.info.artifact_uri or "",
        parameters=dict(run.data.params),
        tags=dict(run.data.tags),
        metrics=dict(run.data.metrics),
    )

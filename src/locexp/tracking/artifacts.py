"""Files of a run as its artifacts in MLflow: the same bytes once, where both lie on one disk."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient

from locexp.records.files import is_replaced
from locexp.system.files import share
from locexp.tracking.location import local_path


def artifact_folder(uri: str | None) -> Path | None:
    """Return the folder that an address of artifacts names; ``None`` where it is not one of this machine."""
    if uri is None or not uri.startswith(("file:///", "/")):
        return None
    return Path(uri) if uri.startswith("/") else local_path(uri)


def log_file(client: MlflowClient, run_id: str, uri: str | None, directory: Path, path: Path) -> None:
    """Log a file of a run, or of a sweep, under its own path.

    Args:
        client: of the store.
        run_id: of the run in the store.
        uri: of the run's artifacts.
        directory: of the run.
        path: of the file, relative to it.
    """
    folder = artifact_folder(uri)
    if folder is not None and is_replaced(path):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        share(directory / path, folder / path)
    else:
        client.log_artifact(run_id, str(directory / path), None if path.parent == Path() else str(path.parent))

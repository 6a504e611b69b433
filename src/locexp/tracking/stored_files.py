"""The artifacts of a run and of its model, one by one: how large they are, and how they are deleted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from locexp.records.record import RunRecord
from locexp.tracking.artifacts import artifact_folder
from locexp.tracking.mlflow_internals import use_store
from locexp.tracking.models import IN_MODEL
from locexp.tracking.store import MlflowStore

OF_MODEL = (IN_MODEL, "serving_input_example.json", "input_example.json")
"""The files of a model in MLflow that are freed with it: its weights, and examples that are longer than small ones."""


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of a run or of a model.

    Attributes:
        uri: where they are.
        owner: the id of the run or the model.
    """

    uri: str
    owner: str

    @property
    def folder(self) -> Path | None:
        """Their folder on this machine; ``None`` where only the store can reach them, or the folder is not theirs."""
        folder = artifact_folder(self.uri)
        return folder if folder is not None and self.owner in folder.parts else None

    @property
    def is_elsewhere(self) -> bool:
        """Whether only the store can reach them, and the address is theirs."""
        return artifact_folder(self.uri) is None and self.owner in PurePosixPath(self.uri).parts

    @cached_property
    def _repository(self) -> Any:
        return get_artifact_repository(self.uri)

    def size(self, path: str) -> int | None:
        """Return the bytes of a file that only the store can reach; ``None`` where there is none."""
        parent = str(PurePosixPath(path).parent)
        listed = self._repository.list_artifacts(None if parent == "." else parent)
        return next((int(one.file_size or 0) for one in listed if one.path == path and not one.is_dir), None)

    def delete(self, path: str) -> None:
        """Delete a file that only the store can reach; raises MlflowException, or what its client raises."""
        self._repository.delete_artifacts(path)


def artifacts_of(store: MlflowStore, run: RunRecord) -> Artifacts:
    """Return the artifacts of a run of a store."""
    assert run.run_id is not None
    use_store(store.location.uri)
    return Artifacts(store.artifact_uri(run), run.run_id)


def models_of(store: MlflowStore, run: RunRecord) -> list[Artifacts]:
    """Return the artifacts of the models that a run of a store has logged, and that were not deleted."""
    assert run.run_id is not None
    outputs = store.client.get_run(run.run_id).outputs
    found = []
    for output in outputs.model_outputs if outputs else []:
        try:
            location = store.client.get_logged_model(output.model_id).artifact_location
        except MlflowException:  # deleted
            continue
        found.append(Artifacts(location, output.model_id))
    return found


def registered(store: MlflowStore) -> set[str]:
    """Return the ids of the models in the registry of a store, and of their runs."""
    token, found = None, set()
    while True:
        page = store.client.search_model_versions(page_token=token)
        found |= {one for version in page for one in (version.run_id, version.model_id) if one}
        token = page.token
        if not token:
            return found

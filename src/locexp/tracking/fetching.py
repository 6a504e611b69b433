"""Fetching what MLflow keeps of a trained network: its model's file, and the record of the run that it is from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from locexp.errors import UserError, first_line, listed, nearest
from locexp.records.files import FREED, file_within
from locexp.records.record import RECORD, RunRecord
from locexp.tracking.mlflow_internals import use_store
from locexp.tracking.models import IN_MODEL
from locexp.tracking.store import MlflowStore

MOST_NAMED = 5


def run_id_of(uri: str) -> str | None:
    """Return the id in ``runs:/ID``, which may be followed by the path of an artifact; ``None`` for other text."""
    found = re.fullmatch(r"runs:/+([^/]+)(/.*)?", uri)
    return found[1] if found else None


def fetch_model(store: MlflowStore, uri: str, folder: Path) -> tuple[RunRecord, Path]:
    """Download a model by its address; returns the record of its run and the model's file in ``folder``.

    Args:
        store: in which the model is, and its run.
        uri: ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``models:/m-ID``.
        folder: where to put it; it is there.

    Raises:
        UserError: there is no such model, or locexp has not trained it.
    """
    _check(store.client, uri)
    use_store(store.location.uri)
    try:
        downloaded = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
        run_id = mlflow.models.Model.load(downloaded).run_id
    except (MlflowException, OSError) as error:
        raise UserError(f"{uri}: cannot be fetched from {store.location.uri} ({first_line(error, 200)}).") from error
    file = file_within(downloaded, IN_MODEL)
    record = _record(store, run_id) if run_id else None
    if file is None or record is None:
        raise UserError(f"{uri}: is not a model that locexp has trained, which has {IN_MODEL} and a run with {RECORD}.")
    return record, file


def fetch_of_run(store: MlflowStore, run: RunRecord, folder: Path) -> tuple[RunRecord, Path] | None:
    """Download the model of a run; returns the run's whole record and the file, or ``None`` where it has no model."""
    assert run.run_id is not None
    if "models" in run.tags.get(FREED, ""):
        return None
    outputs = store.client.get_run(run.run_id).outputs
    if not outputs or not outputs.model_outputs:
        return None
    return fetch_model(store, f"models:/{outputs.model_outputs[-1].model_id}", folder)


def _record(store: MlflowStore, run_id: str) -> RunRecord | None:
    """Return the record of a run as it was written, of which MLflow keeps a copy; ``None`` where it has none."""
    content = store.content(store.run(run_id), RECORD)
    if content is None:
        return None
    return replace(RunRecord.parse(content, f"{RECORD} of run {run_id}"), run_id=run_id)  # it was written before


def _check(client: MlflowClient, uri: str) -> None:
    """Raise :class:`UserError` where a model is not registered by this name, alias or version."""
    registered = re.fullmatch(r"models:/+([^/@]+)(?:@([^/@]+)|/(\d+))?", uri)
    if registered is None:
        raise UserError(f"{uri}: expected models:/NAME@ALIAS, models:/NAME/VERSION or models:/m-ID.")
    name, alias, version = registered.groups()
    if alias is None and version is None:
        if re.fullmatch(r"m-[0-9a-f]{32}", name):
            return
        raise UserError(f"{uri}: which version? Give {uri}@champion or another alias, or {uri}/1.")
    try:
        client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
    except MlflowException as error:
        models = {model.name: model for model in client.search_registered_models()}
        if name not in models:
            known = listed(list(models)[:MOST_NAMED]) or "none"
            text = f"no model is registered by this name; there is: {known}.{nearest(name, models)}"
        else:
            aliases = listed(models[name].aliases)
            has = f"aliases: {aliases}" if aliases else "it has no alias"
            text = f"the model {name} has no {f'alias {alias}' if alias else f'version {version}'}; {has}."
        raise UserError(f"{uri}: {text}") from error

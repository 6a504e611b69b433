"""Keras models in MLflow: one logged model per run, which ``mlflow models serve`` and ``mlflow.pyfunc`` load."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from locexp.models.pixels import pixel_model, takes_pixels
from locexp.models.saving import MODEL as FILE
from locexp.records.files import file_within
from locexp.records.record import RunRecord
from locexp.system.files import share
from locexp.tracking import locexp_model
from locexp.tracking.artifacts import artifact_folder
from locexp.tracking.limits import PARAMETER, cut
from locexp.tracking.mlflow_internals import list_output, trust_requirements

MODEL = "model"
IN_MODEL = f"data/{FILE}"
"""The Keras model in a model of MLflow's TensorFlow flavour."""


def log_model(client: MlflowClient, run_id: str, record: RunRecord, model: Any, step: int, directory: Path) -> str:
    """Log a run's model in the place of one that was logged before, and return its id in MLflow.

    ``mlflow.tensorflow.log_model`` does more: it loads what it has saved and serves the example with it, and reads each
    metric of the run back to copy it. The first is known here (a run's model is saved, loaded and compared before it
    is logged), and metrics that are logged with the model's id need no copy; that is half of the time it takes.

    Args:
        client: of the store.
        run_id: of the run in the store.
        record: of the run.
        model: the Keras model; one that takes 0 to 1 is logged with its scaling, so that all take 0 to 255.
        step: the epoch that the model is listed under.
        directory: of the run, whose own file of this model is linked where the store is on the same disk.
    """
    experiment = str(client.get_run(run_id).info.experiment_id)
    entity = client.create_logged_model(experiment, MODEL, run_id, params=cut(record.parameters, PARAMETER))
    try:
        with tempfile.TemporaryDirectory() as folder:
            _save(pixel_model(model), folder, record.dataset, entity, run_id)
            own, place = file_within(directory, FILE), artifact_folder(entity.artifact_location)
            if own is not None and place is not None and takes_pixels(model):
                (Path(folder) / IN_MODEL).unlink()
                client.log_model_artifacts(entity.model_id, folder)
                (place / IN_MODEL).parent.mkdir(parents=True, exist_ok=True)
                share(own, place / IN_MODEL)
            else:
                client.log_model_artifacts(entity.model_id, folder)
    except BaseException:
        client.finalize_logged_model(entity.model_id, "FAILED")
        raise
    client.finalize_logged_model(entity.model_id, "READY")
    _log_output(client, run_id, LoggedModelOutput(entity.model_id, step))
    # What is there of a run that was stopped, then continued, and where a server's answer was lost on the way.
    for other in client.search_logged_models([experiment], f"source_run_id = '{run_id}'"):
        if other.model_id != entity.model_id:
            client.delete_logged_model(other.model_id)
    return str(entity.model_id)


def _log_output(client: MlflowClient, run_id: str, output: LoggedModelOutput) -> None:
    """List a model as an output of its run, once, also where the answer is lost."""
    for seconds in (1, 4, 16, None):
        try:
            list_output(client, run_id, output)
            return
        except MlflowException:
            if seconds is None:
                raise
        time.sleep(seconds)  # the server may still be at work on it
        outputs = client.get_run(run_id).outputs
        if outputs and any(listed.model_id == output.model_id for listed in outputs.model_outputs):
            return


def _save(model: Any, folder: str, dataset: Mapping[str, Any], entity: Any, run_id: str) -> None:
    """Save a model for MLflow, to be loaded by a copy of :mod:`locexp.tracking.locexp_model`.

    Its signature declares outputs alone: a tensor that it declares as an input must have exactly one type, and JSON has
    neither of those that images have.
    """
    (image,) = model.inputs
    saved = Model(
        artifact_path=entity.artifact_location,
        run_id=run_id,
        model_uuid=entity.model_id,
        model_id=entity.model_id,
        metadata={"class_names": dataset["class_names"]} if "class_names" in dataset else None,  # not in locexp 0.1
    )
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, *image.shape[1:]))]),
        outputs=Schema(
            [
                TensorSpec(np.dtype(np.float32), (-1, int(dataset["classes"])), "classification"),
                TensorSpec(np.dtype(np.float32), (-1, 4), "bbox"),
            ]
        ),
    )
    trust_requirements()
    mlflow.tensorflow.save_model(
        model,
        folder,
        mlflow_model=saved,
        signature=signature,
        input_example=np.zeros((1, *image.shape[1:]), np.float32),
        # With the requirements given, MLflow need not import the model in a new process to find them (7 s).
        pip_requirements=requirements(),
        code_paths=[locexp_model.__file__],
    )
    saved.signature = ModelSignature(outputs=signature.outputs)
    saved.flavors["python_function"]["loader_module"] = Path(locexp_model.__file__).stem
    saved.save(str(Path(folder) / "MLmodel"))


def requirements() -> list[str]:
    """Return the pinned packages that serve a saved model."""
    pinned = []
    for names in (("mlflow",), ("tensorflow", "tensorflow-cpu"), ("keras",), ("numpy",)):
        for name in names:
            with contextlib.suppress(metadata.PackageNotFoundError):
                pinned.append(f"{name}=={metadata.version(name)}")
                break
    return pinned

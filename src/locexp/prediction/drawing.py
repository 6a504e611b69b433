"""Drawing the pictures of a finished run later: of its test images, by its saved network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from locexp.errors import RunFailedError, UserError
from locexp.evaluation.metrics import Predictions
from locexp.models.pixels import batch_of
from locexp.plots.pictures import PictureData, draw_here
from locexp.records.history import read_history
from locexp.run.continuation import check_data
from locexp.run.data_files import write_data_files
from locexp.run.resume import configuration_of
from locexp.run.training_data import load_training_data
from locexp.trained.finding import FoundModel
from locexp.trained.network import BATCH, OUTPUTS, load_network


def draw_again(found: FoundModel) -> tuple[Path, list[str]]:
    """Draw all pictures of a run into its folder, and return where they are and what could not be drawn.

    Raises:
        UserError: the run's folder is not here, its data have changed, or its network cannot be loaded.
        RunFailedError: they cannot be drawn.
    """
    record = found.record
    if record.directory is None:
        raise UserError(f"{found.what}: the run's folder is not here, and the pictures would go there.")
    data = load_training_data(configuration_of(record.directory, record))
    check_data(record, data)
    model = load_network(found).model
    images, labels, boxes = data.arrays("test")
    outputs = model.predict(batch_of(images, model), batch_size=BATCH, verbose=0)
    probabilities, predicted = (np.asarray(outputs[name], np.float64) for name in OUTPUTS)
    unmeasured = np.full(len(labels), np.nan)  # no picture shows the losses of single images
    predictions = Predictions(probabilities, predicted, labels, boxes, unmeasured, unmeasured, data.canvas)
    directory = record.directory / "pictures"
    write_data_files(record.directory, data, "all", of_sweep="sweep_id" in record.tags)
    best = int(record.metrics["best/epoch"])
    baseline = data.validation_baseline
    try:
        history = read_history(record.directory)
        pictures = PictureData(directory, images, predictions, data.terms("test"), history, best, baseline)
        return directory, draw_here(pictures).result()
    except (RuntimeError, ValueError) as error:
        raise RunFailedError(f"{record.directory}: {error}") from error

"""The tables of a run as CSV files: each prediction, and predictions summed up by class, size, position, confidence."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from locexp.bbox.geometry import to_pixels
from locexp.evaluation import breakdown, calibration, metrics
from locexp.evaluation.metrics import Predictions
from locexp.system.files import replacing, write_whole

Table = Mapping[str, np.ndarray]
"""Columns of equal length; NaN where there is nothing to say."""


def tables(predictions: Predictions) -> dict[str, Table]:
    """Return what sums predictions up, by file name: ``per_class``, ``four_way``, ``iou_by_size``, ``iou_by_position``,
    and where confidences are probabilities, ``reliability``.
    """
    made: dict[str, Table] = {
        "per_class": metrics.per_class(predictions),
        "four_way": {name: np.array([share]) for name, share in metrics.four_way(predictions).items()},
        "iou_by_size": breakdown.columns(breakdown.by_size(predictions), ("side_px",)),
        "iou_by_position": breakdown.columns(breakdown.by_position(predictions), ("x_px", "y_px")),
    }
    if calibration.are_probabilities(predictions.confidence):
        made["reliability"] = calibration.reliability_columns(predictions)
    return made


def write_tables(directory: Path, predictions: Predictions) -> None:
    """Write predictions.csv, confusion_matrix.csv and the :func:`tables` to ``directory``."""
    directory.mkdir(exist_ok=True)
    _write_predictions(directory / "predictions.csv", predictions)
    with replacing(directory / "confusion_matrix.csv") as partial:
        np.savetxt(partial, metrics.confusion_matrix(predictions), fmt="%d", delimiter=",")
    for name, table in tables(predictions).items():
        with replacing(directory / f"{name}.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*(map(_cell, column.tolist()) for column in table.values()), strict=True))


def _write_predictions(path: Path, predictions: Predictions) -> None:
    """Write one row per example: index, label, predicted, confidence, IoU, centre error, boxes in pixels."""
    boxes = [to_pixels(boxes, *predictions.canvas) for boxes in (predictions.truth, predictions.boxes)]
    sides = [f"{whose}_{side}" for whose in ("true", "predicted") for side in ("x1", "y1", "x2", "y2")]
    names = ["index", "label", "predicted", "confidence", "iou", "center_error_px", *sides]
    whole = [np.arange(len(predictions.labels)), predictions.labels, predictions.classes]
    measures = [predictions.confidence, predictions.iou, predictions.center_error_px]
    rows = np.column_stack([np.asarray(column, np.float64) for column in (*whole, *measures, *boxes)])
    row = "%d,%d,%d" + ",%.6g" * (rows.shape[1] - len(whole))
    text = io.StringIO()
    np.savetxt(text, rows, row, newline="\r\n", header=",".join(names), comments="")  # ends lines as csv does
    write_whole(path, text.getvalue())


def _cell(value: float | str) -> float | str:
    if not isinstance(value, float):
        return value
    return f"{value:.6g}" if math.isfinite(value) else ""

"""The tables of a run as CSV files: each prediction, and predictions summed up by class, size, position, confidence.

Classes go by name. Boxes are in pixels of the originals in the table of predictions, which has one of them in each row;
what sums up many is in pixels of the canvas.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from locexp.evaluation import breakdown, calibration, metrics
from locexp.evaluation.metrics import Predictions
from locexp.evaluation.terms import UserTerms
from locexp.system.files import write_whole

CORNER = "true / predicted"
"""What rows and columns of the confusion matrix are."""
Table = Mapping[str, np.ndarray]
"""Columns of equal length; NaN where there is nothing to say."""


def tables(predictions: Predictions, terms: UserTerms) -> dict[str, Table]:
    """Return what sums predictions up, by file name: ``per_class``, ``four_way``, ``iou_by_size``, ``iou_by_position``,
    and where confidences are probabilities, ``reliability``.
    """
    by_class, share = metrics.per_class(predictions), terms.center_errors(predictions)[1]
    named = {
        "class": np.array(terms.class_names, object)[by_class["class"]],
        "center_error_share": np.array([share[predictions.labels == label].mean() for label in by_class["class"]]),
    }
    made: dict[str, Table] = {
        "per_class": by_class | named,
        "four_way": {name: np.array([share]) for name, share in metrics.four_way(predictions).items()},
        "iou_by_size": breakdown.columns(breakdown.by_size(predictions), ("side_px",)),
        "iou_by_position": breakdown.columns(breakdown.by_position(predictions), ("x_px", "y_px")),
    }
    if calibration.are_probabilities(predictions.confidence):
        made["reliability"] = calibration.reliability_columns(predictions)
    return made


def write_tables(directory: Path, predictions: Predictions, terms: UserTerms) -> None:
    """Write predictions.csv, confusion_matrix.csv and the :func:`tables` to ``directory``."""
    directory.mkdir(exist_ok=True)
    made = {"predictions": _predictions(predictions, terms)} | tables(predictions, terms)
    for name, table in made.items():
        _write(directory / f"{name}.csv", [*table], zip(*(column.tolist() for column in table.values()), strict=True))
    names, matrix = terms.class_names, metrics.confusion_matrix(predictions).tolist()
    _write(
        directory / "confusion_matrix.csv",
        [CORNER, *names],
        ([name, *row] for name, row in zip(names, matrix, strict=True)),
    )


def _predictions(predictions: Predictions, terms: UserTerms) -> Table:
    """Return one row per example: classes, confidence, IoU, centre error, boxes in pixels of the originals."""
    names = np.array(terms.class_names, object)
    pixels, share = terms.center_errors(predictions)
    table: dict[str, np.ndarray] = {"index": np.arange(len(predictions.labels))}
    if terms.files is not None:
        table["file"] = terms.files
    table |= {
        "label": names[predictions.labels],
        "predicted": names[predictions.classes],
        "confidence": predictions.confidence,
        "iou": predictions.iou,
        "center_error_px": pixels,
        "center_error_share": share,
    }
    for whose, boxes in (("true", predictions.truth), ("predicted", predictions.boxes)):
        columns = terms.pixels(boxes, predictions.canvas).T
        table |= {f"{whose}_{side}": column for side, column in zip(("x1", "y1", "x2", "y2"), columns, strict=True)}
    return table


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[float | str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(map(_cell, row) for row in rows)
    # A file's name may hold bytes that are no text.
    write_whole(path, text.getvalue().encode(errors="backslashreplace"))


def _cell(value: float | str) -> float | str:
    if not isinstance(value, float):
        return value
    return f"{value:.6g}" if math.isfinite(value) else ""

"""What shows where a network fails and whether it knows: IoU by group, calibration, the worst cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from locexp.evaluation import breakdown, calibration
from locexp.evaluation.metrics import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

Table = Sequence[Mapping[str, float | str | None]]
"""Rows of equal keys."""


def tables(test: Predictions) -> dict[str, Table]:
    """Return the tables by file name: ``iou_by_size``, ``iou_by_position``, and where confidences are probabilities,
    ``reliability``."""
    found: dict[str, Table] = {
        "iou_by_size": breakdown.rows(breakdown.by_size(test), ("side_px",)),
        "iou_by_position": breakdown.rows(breakdown.by_position(test), ("x_px", "y_px")),
    }
    if calibration.are_probabilities(test.confidence):
        found["reliability"] = calibration.reliability_rows(test)
    return found


def figures(images: np.ndarray, test: Predictions) -> tuple[dict[str, Figure | Image.Image], list[str]]:
    """Draw the worst cases, IoU by class, size and position, and the reliability diagrams.

    Args:
        images: the test images, uint8 (n, height, width).
        test: what was predicted for them.

    Returns:
        Pictures by file name, and what could not be drawn, in words.
    """
    from locexp.plots import groups, reliability, worst

    missing = []
    number = f"{len(images):,} test images"
    cases = breakdown.worst_cases(test, worst.COLUMNS)
    drawn: dict[str, Figure | Image.Image] = {"worst_cases": worst.page(images, test, cases, f"The worst of {number}")}
    if breakdown.all_the_same(test):
        missing.append("IoU by class, size and position is not drawn: all true boxes of the test images are the same.")
    else:
        sorts = breakdown.by_class(test), breakdown.by_size(test), breakdown.by_position(test)
        drawn["iou_groups"] = groups.panels(*sorts, float(test.iou.mean()), f"IoU on {number}")
    if calibration.are_probabilities(test.confidence):
        cells, errors = calibration.reliability(test), calibration.calibration_errors(test)
        drawn["reliability"] = reliability.diagrams(cells, errors, f"Reliability of the confidence on {number}")
    else:
        missing.append("Calibration is not measured: the network's confidences are no probabilities in [0, 1].")
    return drawn, missing

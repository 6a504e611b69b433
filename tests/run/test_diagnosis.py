"""Tables and pictures of where a network fails, at the edges: one image, one box, many classes, no probabilities."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from locexp.evaluation.metrics import Predictions
from locexp.plots.files import save
from locexp.run.diagnosis import figures, tables
from tests.evaluation.test_metrics import random_predictions


def drawn(predictions: Predictions) -> tuple[set[str], list[str]]:
    """Draw everything, with every warning an error; returns the names and what is missing."""
    width, height = predictions.canvas
    images = np.random.default_rng(0).integers(0, 256, (len(predictions.labels), height, width), dtype=np.uint8)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("error")
        found, missing = figures(images, predictions)
        for name, picture in found.items():
            save(picture, Path(folder, f"{name}.png"))
    return set(found), missing


def perfect(predictions: Predictions) -> Predictions:
    sure = np.eye(predictions.probabilities.shape[1])[predictions.labels]
    return replace(predictions, probabilities=sure, boxes=predictions.truth)


def hopeless(predictions: Predictions) -> Predictions:
    wrong = np.roll(perfect(predictions).probabilities, 1, axis=1)
    return replace(predictions, probabilities=wrong, boxes=np.zeros_like(predictions.boxes))


def in_one_row(predictions: Predictions) -> Predictions:
    truth = predictions.truth.copy()
    truth[:, (1, 3)] = (0.25, 0.75)
    return replace(predictions, truth=truth)


CASES: dict[str, Callable[[], Predictions]] = {
    "usual": lambda: random_predictions(0, count=300),
    "one image": lambda: random_predictions(0, count=1),
    "two images": lambda: random_predictions(0, count=2),
    "forty classes": lambda: random_predictions(0, count=200, classes=40),
    "boxes in one row": lambda: in_one_row(random_predictions(0, count=100)),
    "perfect": lambda: perfect(random_predictions(0, count=100)),
    "hopeless": lambda: hopeless(random_predictions(0, count=100)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_picture_and_table_is_made_without_a_warning_or_nan(name: str) -> None:
    predictions = CASES[name]()
    names, missing = drawn(predictions)
    one = len(predictions.labels) == 1  # whose box is the only one
    assert names == {"worst_cases", "reliability"} | (set() if one else {"iou_groups"})
    assert len(missing) == one
    for rows in tables(predictions).values():
        assert len({tuple(row) for row in rows}) == 1
        assert not any(isinstance(value, float) and math.isnan(value) for row in rows for value in row.values())


def test_boxes_that_are_all_the_same_are_said_to_be() -> None:
    base = random_predictions(0, count=50)
    names, missing = drawn(replace(base, truth=np.tile(np.array([0.2, 0.2, 0.8, 0.8], np.float32), (50, 1))))
    assert names == {"worst_cases", "reliability"}
    assert missing == ["IoU by class, size and position is not drawn: all true boxes of the test images are the same."]


def test_confidences_that_are_no_probabilities_are_said_to_be() -> None:
    base = random_predictions(0, count=50)
    logits = replace(base, probabilities=base.probabilities * 9)
    names, missing = drawn(logits)
    assert names == {"worst_cases", "iou_groups"}
    assert missing == ["Calibration is not measured: the network's confidences are no probabilities in [0, 1]."]
    assert set(tables(logits)) == {"iou_by_size", "iou_by_position"}

"""Predictions made up for the tests, among them those of networks that are always right, or never."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from locexp.evaluation.metrics import Predictions
from locexp.evaluation.terms import UserTerms

CANVAS = (40, 20)


def random_predictions(seed: int, count: int = 60, classes: int = 4) -> Predictions:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.5, (count, 2))
    truth = np.concatenate([corner, corner + rng.uniform(0.1, 0.5, (count, 2))], axis=1)
    return Predictions(
        probabilities=rng.dirichlet(np.ones(classes), count),
        boxes=(truth + rng.normal(0, 0.12, truth.shape)).astype(np.float32),
        labels=rng.integers(0, classes, count),
        truth=truth.astype(np.float32),
        classification_loss=rng.exponential(size=count),
        bbox_loss=rng.exponential(size=count),
        canvas=CANVAS,
    )


def numbered(classes: int) -> UserTerms:
    """Terms for classes that are known by their numbers, from 0."""
    return UserTerms(tuple(map(str, range(classes))))


def rows_of(table: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The rows of a table that is given by its columns."""
    columns = [column.tolist() for column in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


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

"""Box geometry on NumPy arrays. Boxes are half-open xyxy (x1, y1, x2, y2); x2 and y2 are exclusive."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Interval

Threshold = Annotated[int, Interval(ge=0, le=254)]
"""A pixel is ink when its value is above this."""


def normalise(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Divide pixel boxes (n, 4) by the canvas size: float64 in [0, 1] for boxes on the canvas."""
    return np.asarray(boxes, np.float64) / np.array([width, height, width, height], np.float64)


def to_pixels(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Multiply normalised boxes (n, 4) by the canvas size: float64 pixels."""
    return np.asarray(boxes, np.float64) * np.array([width, height, width, height], np.float64)


def ink_boxes(images: np.ndarray, threshold: int | np.ndarray = 0) -> np.ndarray:
    """Return the half-open pixel box of all values above ``threshold``: int64 (n, 4).

    Args:
        images: uint8, (n, height, width).
        threshold: the highest value that is still background, or one for each image: (n, 1, 1).

    Returns:
        Boxes; an image without ink gets [0, 0, 0, 0].
    """
    ink: np.ndarray = np.greater(images, threshold)
    columns: np.ndarray = np.any(ink, axis=1)
    rows: np.ndarray = np.any(ink, axis=2)
    inked: np.ndarray = np.any(columns, axis=1)
    x1, y1 = columns.argmax(axis=1), rows.argmax(axis=1)
    x2 = columns.shape[1] - columns[:, ::-1].argmax(axis=1)
    y2 = rows.shape[1] - rows[:, ::-1].argmax(axis=1)
    return np.where(inked[:, None], np.stack([x1, y1, x2, y2], axis=1), 0).astype(np.int64)


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the area of each box (..., 4); an inverted box has area 0."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of paired boxes (..., 4), float64 in [0, 1].

    Each pair is compared elementwise (nothing is pairwise) and no epsilon enters; two boxes without area score 0.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    sides = np.maximum(high - low, 0)
    proper = (area(first) > 0) & (area(second) > 0)
    intersection = np.where(proper, sides[..., 0] * sides[..., 1], 0)
    union = area(first) + area(second) - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def centers(boxes: np.ndarray) -> np.ndarray:
    """Return the centre (x, y) of each box: (..., 2)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def inverted(boxes: np.ndarray) -> np.ndarray:
    """Return whether x1 > x2 or y1 > y2: bool (...)."""
    return (boxes[..., 0] > boxes[..., 2]) | (boxes[..., 1] > boxes[..., 3])

"""How photos come on the canvas of a network."""

from __future__ import annotations

import math

import numpy as np

from locexp.bbox.annotations import Placement
from locexp.data.photos.decode import PAD

DEFAULT_SIDE = 96
"""The side of a square canvas for photos of this size and more."""
MULTIPLE = 8
"""Sides of a default canvas are multiples of this, as networks halve them some times."""
LEAST = (32, 32)
"""The smallest default canvas."""
NEAR_SQUARE = 1.25
"""Up to this ratio of the longer side to the shorter one, a default canvas is square."""
MOST_ASPECT = 2.0


def default_size(sizes: np.ndarray) -> tuple[int, int]:
    """Return a canvas (width, height) for photos of these sizes (n, 2).

    It has the area of a square of :data:`DEFAULT_SIDE`, or that of the photos where they are smaller. Their middle
    aspect ratio is its own, up to :data:`MOST_ASPECT`; near a square it is one.
    """
    widths, heights = np.asarray(sizes, np.float64).T
    aspect = float(np.median(widths / heights))
    side = min(float(np.median(np.sqrt(widths * heights))), DEFAULT_SIDE)
    if max(aspect, 1 / aspect) <= NEAR_SQUARE:
        aspect = 1.0
    root = math.sqrt(min(max(aspect, 1 / MOST_ASPECT), MOST_ASPECT))
    sides = (side * root, side / root)
    width, height = (max(round(one / MULTIPLE) * MULTIPLE, least) for one, least in zip(sides, LEAST, strict=True))
    return width, height


def fit(sizes: np.ndarray, canvas: tuple[int, int], resize: str) -> Placement:
    """Return where photos of these sizes, int (n, 2), lie on a canvas (width, height).

    ``stretch`` fills the canvas. ``letterbox`` makes a photo as large as the canvas allows, width and height each
    rounded to whole pixels, and puts it in the middle; of an odd rest, the larger half is right or below.
    """
    sizes = np.asarray(sizes, np.int64).reshape(-1, 2)
    whole = np.array(canvas, np.int64)
    if resize == "stretch":
        scaled = np.broadcast_to(whole, sizes.shape)
    else:
        factor = (whole / sizes).min(axis=1, keepdims=True)
        scaled = np.clip(np.rint(sizes * factor).astype(np.int64), 1, whole)
    return Placement(sizes, scaled / sizes, (whole - scaled) // 2)


def scaled_size(placement: Placement, index: int) -> tuple[int, int]:
    """Return width and height in whole pixels of the canvas that one photo takes."""
    width, height = np.rint(placement.sizes[index] * placement.scale[index]).astype(int).tolist()
    return width, height


def put(values: np.ndarray, target: np.ndarray, offset: np.ndarray) -> None:
    """Write a photo (h, w) or (h, w, 3) into its place on a canvas, and grey around it.

    Args:
        values: uint8, the photo in the size that it has there.
        target: uint8, the canvas, which is written to.
        offset: pixels of the canvas left of the photo and above it.
    """
    left, top = (int(one) for one in offset)
    height, width = values.shape[:2]
    if (height, width) != target.shape[:2]:
        target[:] = PAD
    target[top : top + height, left : left + width] = values

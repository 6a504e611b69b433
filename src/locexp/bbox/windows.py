"""What is seen of a photo to train on: a window of it, turned, mirrored, and where its box lies there.

The window has the canvas's shape. It holds the box whole, whatever is drawn. Everything is computed with additions,
products, divisions and roots of float64, which IEEE 754 rounds alike on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from locexp.bbox.draws import WINDOW, RandomKey, draws, uniform
from locexp.bbox.interpolation import UNIT


@dataclass(frozen=True)
class Limits:
    """The most that may happen.

    Attributes:
        crop: share of width and height that is left out, in [0, 1).
        pad: share of width and height that is added, >= 0.
        stretch: share by which one side is longer than it was, beside the other, >= 0.
        rotate: degrees, 0 to 45, either way.
        flip: share of photos that are mirrored, 0 to 1.
        is_rectangle: what is in the boxes fills them to their corners; else it is taken to be an ellipse in them.
    """

    crop: float
    pad: float
    stretch: float
    rotate: float
    flip: float
    is_rectangle: bool = False


@dataclass(frozen=True)
class Windows:
    """What is seen of n photos.

    Attributes:
        maps, places: for :func:`locexp.bbox.interpolation.remapped`.
        boxes: where the boxes are on the canvas: float64 (n, 4), half-open xyxy in pixels.
    """

    maps: np.ndarray
    places: np.ndarray
    boxes: np.ndarray


def windows(key: RandomKey, boxes: np.ndarray, canvas: tuple[int, int], limits: Limits) -> Windows:
    """Draw windows.

    A window is between ``1 - crop`` and ``1 + pad`` of the canvas wide and high, uniform, and larger where the box
    would not fit; its place is uniform among those where it holds the box whole and where, as far as that allows, it
    lies within the photo, or the photo in it. The box of what was turned is that of the turned ellipse in the box
    (Kalra et al. 2021, 2109.13488, where the box of the turned corners is too large for most objects), or of the
    turned rectangle; it is exact in everything else.

    Args:
        key: of the examples.
        boxes: float64 (n, 4), xyxy in pixels of the photos, on the canvas.
        canvas: (width, height) of the photos and of what is made of them.
        limits: the most that may happen.
    """
    drawn = uniform(draws(key, WINDOW, 6))
    turn, zoom, longer, flipped = drawn[:, 0], drawn[:, 1], drawn[:, 2], drawn[:, 5] < limits.flip
    half = np.array(canvas) / 2
    cosine, sine = _turns(2 * turn - 1, limits.rotate)
    # x and y from the middle of the photo, then in the turned frame that windows are upright in
    center = _turned(cosine, sine, (boxes[:, :2] + boxes[:, 2:]) / 2 - half)
    reach = _reaches(cosine, sine, (boxes[:, 2:] - boxes[:, :2]) / 2, limits.is_rectangle)
    share = 1 - limits.crop + (limits.crop + limits.pad) * zoom
    unequal = np.sqrt(1 + limits.stretch * np.abs(2 * longer - 1))
    wider = np.where(longer < 0.5, unequal, 1 / unequal)
    sides = np.maximum(np.stack([share * wider, share / wider], axis=1) * half, reach)
    slack, room = np.abs(sides - half), sides - reach
    lowest, highest = (np.clip(side, center - room, center + room) for side in (-slack, slack))
    place = lowest + (highest - lowest) * drawn[:, 3:5]
    scale = sides / half
    corners = [np.clip((center + way * reach - place) / scale + half, 0, canvas) for way in (-1, 1)]
    (left, top), (right, bottom) = (corner.T for corner in corners)
    left, right = np.where(flipped, canvas[0] - right, left), np.where(flipped, canvas[0] - left, right)
    across, down = scale[:, 0] * np.where(flipped, -1, 1), scale[:, 1]
    maps = np.stack([cosine * across, sine * down, -sine * across, cosine * down], axis=1).reshape(-1, 2, 2)
    return Windows(_whole(maps), _whole(_turned(cosine, -sine, place)), np.stack([left, top, right, bottom], axis=1))


def _turns(share: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Return cosine and sine of angles, from the tangents of their halves: those need no further function."""
    tangent = share * (round(math.tan(math.radians(most) / 2) * UNIT) / UNIT)
    square = tangent * tangent
    return (1 - square) / (1 + square), 2 * tangent / (1 + square)


def _turned(cosine: np.ndarray, sine: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = points.T
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)


def _reaches(cosine: np.ndarray, sine: np.ndarray, halves: np.ndarray, is_rectangle: bool) -> np.ndarray:
    """Return how far turned objects reach to either side of their centres (n, 2)."""
    wide, high = halves.T
    pairs = ((cosine * wide, sine * high), (sine * wide, cosine * high))
    if is_rectangle:
        return np.stack([np.abs(one) + np.abs(other) for one, other in pairs], axis=1)
    return np.stack([np.sqrt(one * one + other * other) for one, other in pairs], axis=1)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.rint(values * UNIT).astype(np.int64)

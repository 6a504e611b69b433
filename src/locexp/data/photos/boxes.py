"""Marked boxes in pixels of the photo as it is seen: the right way up, in its own size, and inside of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locexp.data.photos.decode import Header, UnusableError
from locexp.data.photos.listing import ListedImage, MarkedObject

ROUNDING = 1.0
"""Pixels that an edge may be outside the photo, or a size be wrong, by rounding: not worth a word."""
SIDES = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class Placed:
    """Boxes on a photo.

    Attributes:
        boxes: float64 (n, 4), xyxy in pixels of the upright photo; they may be outside, empty or inverted.
        is_turned: they were written for the file as it lies, before EXIF's turn.
        other_size: in words, of which other size the photo is in the annotation; empty where it is of its own.
    """

    boxes: np.ndarray
    is_turned: bool
    other_size: str


def on_photo(image: ListedImage, header: Header) -> Placed:
    """Return the boxes of an image's objects in pixels of the upright photo.

    Annotations that give a size are taken at their word: where it is that of the file before EXIF turned it, so are the
    boxes; where it is that of the same photo in another size, they are scaled.

    Raises:
        UnusableError: the annotation's size is that of another photo.
    """
    width, height = header.size
    written = np.array([one.box for one in image.objects], np.float64).reshape(-1, 4)
    said = image.size if image.size is not None and min(image.size) > 0 else header.size
    is_turned = header.orientation >= 5 and not _near(said, header.size) and _near(said, (height, width))
    own = (height, width) if is_turned else header.size
    factor, other = np.ones(2), ""
    if not _near(said, own):
        other = f"the annotation is for a photo of {said[0]}x{said[1]} pixels, but this is one of {width}x{height}"
        if not _same_shape(said, own):
            raise UnusableError(other)
        factor = np.array(own) / np.array(said)
    relative = np.array([one.is_relative for one in image.objects], bool)
    boxes = written * np.where(relative[:, np.newaxis], np.tile(np.array(own), 2), np.tile(factor, 2))
    if is_turned:
        boxes = _turned(boxes, own, header.orientation)
    return Placed(boxes, is_turned, "" if relative.all() else other)


def inside(box: np.ndarray, marked: MarkedObject, size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Return a box (4,), clipped to a photo of this size (width, height), and in words how far it was outside, if so.

    Raises:
        UnusableError: it is not finite, empty, inverted, or wholly outside.
    """
    x1, y1, x2, y2 = box.tolist()
    name = f"the box of {marked.label!r}"
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise UnusableError(f"{name} is {_spelled(marked.box)}, which are not all numbers")
    for low, high, axis in ((x1, x2, "x"), (y1, y2, "y")):
        if high <= low:
            kind = "is empty" if high == low else "is inverted"
            raise UnusableError(f"{name} {kind}: {axis}1={low:g}, {axis}2={high:g}")
    bounds = np.tile(np.array(size, np.float64), 2)
    clipped = np.clip(box, 0, bounds)
    found = f"{name} is {_spelled(box.tolist())} in a photo of {size[0]}x{size[1]} pixels"
    if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        raise UnusableError(f"{found}, so it is outside")
    return clipped, found if np.abs(clipped - box).max() > ROUNDING else ""


def _near(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(a - b) <= ROUNDING for a, b in zip(one, other, strict=True))


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether one size is the other, scaled and rounded to whole pixels."""
    small, large = sorted((one, other))
    return min(small) > 0 and any(
        abs(large[1 - axis] * small[axis] / large[axis] - small[1 - axis]) <= ROUNDING for axis in (0, 1)
    )


def _turned(boxes: np.ndarray, stored: tuple[int, int], orientation: int) -> np.ndarray:
    """Return boxes (n, 4) in pixels of a file of this size as they are after EXIF's turn by 5, 6, 7 or 8."""
    width, height = stored
    x1, y1, x2, y2 = boxes.T
    across = (height - y2, height - y1) if orientation in (6, 7) else (y1, y2)
    down = (width - x2, width - x1) if orientation in (7, 8) else (x1, x2)
    return np.stack([across[0], down[0], across[1], down[1]], axis=1)


def _spelled(box: Sequence[float]) -> str:
    return ", ".join(f"{side}={value:.4g}" for side, value in zip(SIDES, box, strict=True))

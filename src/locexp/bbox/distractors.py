"""Distractors: square patches cut from other digits of the same split, at random places."""

from __future__ import annotations

import numpy as np

from locexp.bbox.digits import Digits
from locexp.bbox.draws import DISTRACTORS, Key, below, draws


def distractors(
    key: Key, digits: Digits, indices: np.ndarray, canvas: tuple[int, int], count: int, size: int
) -> np.ndarray:
    """Return canvases with distractors alone; where they overlap, the brighter one shows.

    Args:
        key: of the examples.
        digits: of the whole split, at least two; their windows are no smaller than a patch.
        indices: int (n,): which digit each example shows; its own is never cut.
        canvas: (width, height) in pixels, no smaller than a patch.
        count, size: how many patches, and their width and height in pixels.

    Returns:
        uint8 (n, height, width).
    """
    width, height = canvas
    tall, wide = int(digits.windows.shape[1]), int(digits.windows.shape[2])
    drawn = draws(key, DISTRACTORS, 5 * count).reshape(-1, count, 5)
    available = len(digits.windows)
    chosen = indices.astype(np.int64)[:, None] + 1 + below(drawn[:, :, 0], available - 1)
    chosen = np.where(chosen < available, chosen, chosen - available)
    # A patch shows as much of its digit's ink as it can.
    room = np.maximum(digits.sizes[chosen] - size, np.int64(0))
    cut = below(drawn[:, :, 1:3], room + 1)
    place = below(drawn[:, :, 3:], np.array(canvas) - size + 1)
    rows, columns = np.arange(size)[:, None], np.arange(size)
    example = np.arange(len(chosen))[:, None]
    source = _flat(chosen, cut, tall, wide) + (rows * wide + columns)
    target = _flat(example, place, height, width) + (rows * width + columns)
    patches = np.take(digits.windows, source)
    made = _brightest(len(chosen) * (height * width), target, patches)
    return made.reshape(-1, height, width)


def _flat(number: np.ndarray, corner: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return where corners (n, k, 2) of images lie in the flat array of all images: (n, k, 1, 1)."""
    return ((number * height + corner[:, :, 1]) * width + corner[:, :, 0])[:, :, None, None]


def _brightest(count: int, places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return uint8 (count,), each the largest of the values (n, k, …) given for it; 0 where there is none.

    Args:
        count: of places.
        places: int64 (n, k, …); those of one k are all different.
        values: uint8, for each place.
    """
    made = np.zeros(count, np.uint8)
    for k in range(places.shape[1]):
        made[places[:, k]] = np.maximum(made[places[:, k]], values[:, k])
    return made

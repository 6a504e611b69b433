"""Distractors: square patches cut from other digits of the same split, at random places."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.bbox.digits import Digits
from locexp.bbox.draws import DISTRACTORS, Key, below, draws


def distractors(xp: Any, key: Key, digits: Digits, indices: Any, canvas: tuple[int, int], count: int, size: int) -> Any:
    """Return canvases with distractors alone; where they overlap, the brighter one shows.

    Args:
        xp: the namespace.
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
    drawn = xp.reshape(draws(xp, key, DISTRACTORS, 5 * count), (-1, count, 5))
    available = xp.count(digits.windows)
    chosen = xp.cast(indices, "int64")[:, None] + 1 + below(xp, drawn[:, :, 0], available - 1)
    chosen = xp.where(chosen < available, chosen, chosen - available)
    # A patch shows as much of its digit's ink as it can.
    room = xp.maximum(xp.take(digits.sizes, chosen) - size, np.int64(0))
    cut = below(xp, drawn[:, :, 1:3], room + 1)
    place = below(xp, drawn[:, :, 3:], np.array(canvas) - size + 1)
    rows, columns = np.arange(size)[:, None], np.arange(size)
    example = xp.numbers(xp.count(chosen))[:, None]
    source = _flat(chosen, cut, tall, wide) + (rows * wide + columns)
    target = _flat(example, place, height, width) + (rows * width + columns)
    patches = xp.take(xp.reshape(digits.windows, (-1,)), source)
    made = xp.brightest(xp.count(chosen) * (height * width), target, patches)
    return xp.reshape(made, (-1, height, width))


def _flat(number: Any, corner: Any, height: int, width: int) -> Any:
    """Return where corners (n, k, 2) of images lie in the flat array of all images: (n, k, 1, 1)."""
    return ((number * height + corner[:, :, 1]) * width + corner[:, :, 0])[:, :, None, None]

"""Distractors: square patches cut from other digits of the same split, at random places."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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
    drawn = draws(key, DISTRACTORS, 5 * count).reshape(-1, count, 5)
    available = len(digits.windows)
    chosen = (indices.astype(np.int64)[:, None] + 1 + below(drawn[:, :, 0], available - 1)) % available
    # A patch shows as much of its digit's ink as it can.
    room = np.maximum(digits.sizes[chosen] - size, 0)
    cut = below(drawn[:, :, 1:3], room + 1)
    place = below(drawn[:, :, 3:], np.array(canvas) - size + 1)
    made = np.zeros((len(indices), canvas[1], canvas[0]), np.uint8)
    patches = sliding_window_view(digits.windows, (size, size), axis=(1, 2))
    under = sliding_window_view(made, (size, size), axis=(1, 2), writeable=True)
    for k in range(count):
        patch = patches[chosen[:, k], cut[:, k, 1], cut[:, k, 0]]
        where = np.arange(len(indices)), place[:, k, 1], place[:, k, 0]
        under[where] = np.maximum(under[where], patch)
    return made

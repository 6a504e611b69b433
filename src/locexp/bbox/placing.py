"""Where a digit goes on the canvas, and how large it is."""

from __future__ import annotations

import numpy as np

from locexp.bbox.draws import PLACE, Key, below, draws
from locexp.bbox.resampling import ONE, STEPS


def placed(
    key: Key, sizes: np.ndarray, anchors: np.ndarray, scales: tuple[int, int], canvas: tuple[int, int], overhang: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a scale and a place for digits, both uniform: anywhere that their ink fits, up to the very border.

    Args:
        key: of the examples.
        sizes: int64 (n, 2), width and height of their ink in pixels.
        anchors: int64 (n, 2), a pixel of the ink that stays on the canvas.
        scales: lowest and highest, in 1/4096; both can be drawn.
        canvas: (width, height) in pixels.
        overhang: share of the ink's width and height that may lie beyond the border, in 1/1024.

    Returns:
        Scales int64 (n,), places int64 (n, 2) in 1/1024 pixel, and whether some ink lies beyond the border: bool (n,).
    """
    drawn = draws(key, PLACE, 3)
    scale = scales[0] + below(drawn[:, 0], np.int64(scales[1] - scales[0] + 1))
    # Enlarged by bilinear interpolation, ink reaches (scale - 1)/2 pixels further on every side.
    halo = ((np.maximum(scale, np.int64(ONE)) - ONE) >> 3)[:, None]
    extent = (sizes * scale[:, None]) >> 2
    low = halo
    high = np.maximum(np.array(canvas) * STEPS - extent - halo, low)
    allowed = (extent * overhang) >> 10
    anchor = ((2 * anchors + 1) * scale[:, None]) >> 3
    lowest = np.minimum(np.maximum(low - allowed, STEPS // 2 - anchor), low)
    highest = np.maximum(np.minimum(high + allowed, np.array(canvas) * STEPS - STEPS // 2 - anchor), high)
    places = lowest + below(drawn[:, 1:], highest - lowest + 1)
    return scale, places, ((places < low) | (places > high)).any(axis=1)

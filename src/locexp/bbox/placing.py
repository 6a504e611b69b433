"""Where a digit goes on the canvas, and how large it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.bbox.draws import PLACE, Key, below, draws
from locexp.bbox.resampling import ONE, STEPS


def placed(
    xp: Any, key: Key, sizes: Any, anchors: Any, scales: tuple[int, int], canvas: tuple[int, int], overhang: int
) -> tuple[Any, Any, Any]:
    """Draw a scale and a place for digits, both uniform: anywhere that their ink fits, up to the very border.

    Args:
        xp: the namespace.
        key: of the examples.
        sizes: int64 (n, 2), width and height of their ink in pixels.
        anchors: int64 (n, 2), a pixel of the ink that stays on the canvas.
        scales: lowest and highest, in 1/4096; both can be drawn.
        canvas: (width, height) in pixels.
        overhang: share of the ink's width and height that may lie beyond the border, in 1/1024.

    Returns:
        Scales int64 (n,), places int64 (n, 2) in 1/1024 pixel, and whether some ink lies beyond the border: bool (n,).
    """
    drawn = draws(xp, key, PLACE, 3)
    scale = scales[0] + below(xp, drawn[:, 0], np.int64(scales[1] - scales[0] + 1))
    # Enlarged by bilinear interpolation, ink reaches (scale - 1)/2 pixels further on every side.
    halo = xp.shift_right(xp.maximum(scale, np.int64(ONE)) - ONE, 3)[:, None]
    extent = xp.shift_right(sizes * scale[:, None], 2)
    low = halo
    high = xp.maximum(np.array(canvas) * STEPS - extent - halo, low)
    allowed = xp.shift_right(extent * overhang, 10)
    anchor = xp.shift_right((2 * anchors + 1) * scale[:, None], 3)
    lowest = xp.minimum(xp.maximum(low - allowed, STEPS // 2 - anchor), low)
    highest = xp.maximum(xp.minimum(high + allowed, np.array(canvas) * STEPS - STEPS // 2 - anchor), high)
    places = lowest + below(xp, drawn[:, 1:], highest - lowest + 1)
    return scale, places, xp.any((places < low) | (places > high), 1)

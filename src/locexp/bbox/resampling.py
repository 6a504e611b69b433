"""Drawing at any scale and sub-pixel place in fixed point: bilinear when enlarging, area averages when shrinking.

A pixel of the canvas shows the mean of the source over an interval as wide as a source pixel or a canvas pixel,
whichever is wider: enlarged, that is bilinear interpolation; shrunk, the exact average of the area that it covers. The
interval has 1024 steps, and the weight of a source pixel is the number of steps that fall on it: weights of an interval
sum to 1024 exactly, whatever the rounding of the edges.

Weights and pixels are whole numbers below 2**11 whose sums stay below 2**24, so that a float32 matrix product is exact
in any order, with fused operations and in TensorFloat-32 too: the same bits everywhere, at the speed of a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

STEPS = 1024
"""Steps of a canvas pixel: the unit of places."""
ONE = 4096
"""The unit of scales."""
LARGEST_CANVAS = 1024
"""Width and height of a canvas that the arithmetic has room for."""


def axis_weights(xp: Any, scale: Any, place: Any, source: int, canvas: int) -> Any:
    """Return the weights of source pixels for canvas pixels along an axis: float32 (n, canvas, source), in 1/1024.

    Args:
        xp: the namespace.
        scale: int64 (n,): canvas pixels for a source pixel, in 1/4096.
        place: int64 (n,): where the source begins on the canvas, in 1/1024 pixel.
        source, canvas: pixels of both along the axis.
    """
    shrinking, enlarging = xp.minimum(scale, np.int64(ONE)), xp.maximum(scale, np.int64(ONE))
    edges = xp.shift_right(np.arange(source + 1) * shrinking[:, None], 2)
    centers = np.arange(canvas) * STEPS + STEPS // 2 - place[:, None]
    inverse = (ONE * ONE + enlarging // 2) // enlarging
    starts = xp.shift_right(centers * inverse[:, None], 12) - STEPS // 2
    ahead = xp.cast(edges, "float32")[:, None, :] - xp.cast(starts, "float32")[:, :, None]
    passed = xp.clip(ahead, np.float32(0), np.float32(STEPS))
    return passed[:, :, 1:] - passed[:, :, :-1]


def frames(
    xp: Any, scale: Any, places: Any, windows: Sequence[int], largest: int, canvas: tuple[int, int]
) -> tuple[Any, tuple[int, int]]:
    """Return the parts of canvases, all of one size, outside of which digits leave no ink; all of it in the graph.

    Args:
        xp: the namespace.
        scale, places: of the digits, see :func:`draw`.
        windows: (n, height, width), the shape of all digits.
        largest: the highest scale, in 1/4096.
        canvas: (width, height) in pixels.

    Returns:
        Upper left corners int64 (n, 2), x and y in whole pixels, and (width, height).
    """
    reach = max(largest, ONE)  # ink reaches half of this further on either side: in 1/4096 pixel
    part = [
        min(side, -(-(reach + largest * int(digit)) // ONE) + 2)
        for side, digit in zip(canvas, windows[:0:-1], strict=True)
    ]
    if not xp.pastes:
        part = list(canvas)
    first = places - xp.shift_right(xp.maximum(scale, np.int64(ONE)), 3)[:, None] - 2  # two steps for rounding
    corners = xp.clip(xp.shift_right(first, 10), np.int64(0), np.array(canvas) - np.array(part))
    return corners, (part[0], part[1])


def draw(xp: Any, windows: Any, scale: Any, places: Any, canvas: tuple[int, int]) -> Any:
    """Draw digits on black canvases.

    Args:
        xp: the namespace.
        windows: uint8 (n, height, width).
        scale: int64 (n,), in 1/4096.
        places: int64 (n, 2): x and y of the window's corner on the canvas, in 1/1024 pixel; what leaves is cut.
        canvas: (width, height) in pixels.

    Returns:
        uint8 (n, height, width) of the canvas.
    """
    across = axis_weights(xp, scale, places[:, 0], int(windows.shape[2]), canvas[0])
    down = axis_weights(xp, scale, places[:, 1], int(windows.shape[1]), canvas[1])
    pixels = xp.cast(windows, "float32")
    # Kept to an eighth of a grey level between the two products.
    columns = xp.matmul(across, pixels) * np.float32(8 / STEPS) + np.float32(0.5)
    columns = xp.cast(xp.cast(columns, "int32"), "float32")
    return xp.cast(xp.matmul(down, columns) * np.float32(1 / STEPS / 8) + np.float32(0.5), "uint8")


def drawn_boxes(xp: Any, images: Any, corners: Any, threshold: int) -> Any:
    """Return the half-open box of all values above a threshold: int32 (n, 4) pixels.

    Where there are none (thin strokes, shrunk), the brightest pixels are the ink; where all is black, the box is
    [0, 0, 0, 0].

    Args:
        xp: the namespace.
        images: uint8 (n, height, width).
        corners: int (n, 2): where x and y count from.
        threshold: 0 to 254.
    """
    brightest = xp.largest(xp.largest(images, 1), 1)
    least = xp.minimum(np.uint8(threshold), xp.maximum(brightest, np.uint8(1)) - np.uint8(1))
    ink = images > least[:, None, None]
    x, y = xp.any(ink, 1), xp.any(ink, 2)
    left, top = (xp.where(brightest > np.uint8(0), xp.cast(corners[:, axis], "int32"), np.int32(0)) for axis in (0, 1))
    sides = (left + xp.first(x), top + xp.first(y), left + _after_last(xp, x), top + _after_last(xp, y))
    return xp.stack(list(sides))


def _after_last(xp: Any, values: Any) -> Any:
    """Return the place after the last true value in each row (n, m), 0 where there is none: int32 (n,)."""
    return xp.largest(xp.where(values, np.arange(1, int(values.shape[1]) + 1, dtype=np.int32), np.int32(0)), 1)

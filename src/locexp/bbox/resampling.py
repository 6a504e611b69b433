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

import numpy as np

from locexp.bbox.geometry import ink_boxes

STEPS = 1024
"""Steps of a canvas pixel: the unit of places."""
ONE = 4096
"""The unit of scales."""
LARGEST_CANVAS = 1024
"""Width and height of a canvas that the arithmetic has room for."""


def axis_weights(scale: np.ndarray, place: np.ndarray, source: int, canvas: int) -> np.ndarray:
    """Return the weights of source pixels for canvas pixels along an axis: float32 (n, canvas, source), in 1/1024.

    Args:
        scale: int64 (n,): canvas pixels for a source pixel, in 1/4096.
        place: int64 (n,): where the source begins on the canvas, in 1/1024 pixel.
        source, canvas: pixels of both along the axis.
    """
    shrinking, enlarging = np.minimum(scale, ONE), np.maximum(scale, ONE)
    edges = (np.arange(source + 1) * shrinking[:, None]) >> 2
    centers = np.arange(canvas) * STEPS + STEPS // 2 - place[:, None]
    inverse = (ONE * ONE + enlarging // 2) // enlarging
    starts = ((centers * inverse[:, None]) >> 12) - STEPS // 2
    ahead = edges.astype(np.float32)[:, None, :] - starts.astype(np.float32)[:, :, None]
    passed = np.clip(ahead, np.float32(0), np.float32(STEPS))
    return passed[:, :, 1:] - passed[:, :, :-1]


def frames(
    scale: np.ndarray, places: np.ndarray, windows: Sequence[int], largest: int, canvas: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the parts of canvases, all of one size, outside of which digits leave no ink.

    Args:
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
    first = places - (np.maximum(scale, ONE) >> 3)[:, None] - 2  # two steps for rounding
    corners = np.clip(first >> 10, 0, np.array(canvas) - np.array(part))
    return corners, (part[0], part[1])


def draw(windows: np.ndarray, scale: np.ndarray, places: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Draw digits on black canvases.

    Args:
        windows: uint8 (n, height, width).
        scale: int64 (n,), in 1/4096.
        places: int64 (n, 2): x and y of the window's corner on the canvas, in 1/1024 pixel; what leaves is cut.
        canvas: (width, height) in pixels.

    Returns:
        uint8 (n, height, width) of the canvas.
    """
    across = axis_weights(scale, places[:, 0], int(windows.shape[2]), canvas[0])
    down = axis_weights(scale, places[:, 1], int(windows.shape[1]), canvas[1])
    pixels = windows.astype(np.float32)
    # Kept to an eighth of a grey level between the two products.
    columns = across @ pixels.transpose(0, 2, 1) * np.float32(8 / STEPS) + np.float32(0.5)
    columns = columns.astype(np.int32).astype(np.float32)
    return (down @ columns.transpose(0, 2, 1) * np.float32(1 / STEPS / 8) + np.float32(0.5)).astype(np.uint8)


def paste(patches: np.ndarray, corners: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Return black canvases with a patch each, none of which leaves its canvas.

    Args:
        patches: uint8 (n, h, w).
        corners: int (n, 2), x and y of each.
        canvas: (width, height).

    Returns:
        uint8 (n, height, width).
    """
    made = np.zeros((len(patches), canvas[1], canvas[0]), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(made, patches.shape[1:], axis=(1, 2), writeable=True)
    windows[np.arange(len(patches)), corners[:, 1], corners[:, 0]] = patches
    return made


def drawn_boxes(images: np.ndarray, corners: np.ndarray, threshold: int) -> np.ndarray:
    """Return the half-open box of all values above a threshold: int64 (n, 4) pixels.

    Where there are none (thin strokes, shrunk), the brightest pixels are the ink; where all is black, the box is
    [0, 0, 0, 0].

    Args:
        images: uint8 (n, height, width).
        corners: int (n, 2): where x and y count from.
        threshold: 0 to 254.
    """
    brightest = images.max(axis=1).max(axis=1)
    least = np.minimum(np.uint8(threshold), np.maximum(brightest, 1) - 1)
    boxes = ink_boxes(images, least[:, None, None])
    return np.where(brightest[:, None] > 0, boxes + np.tile(corners, 2), 0)

"""Photos under affine maps: bilinear interpolation in fixed point, the same bits on every machine.

All channels of a pixel are in one word, 16 bits each, so that a multiplication weights them together: weights up to 256
leave room for the 8 bits of a channel. That is as fast as Pillow's own, whose floats may round otherwise elsewhere.
"""

from __future__ import annotations

import numpy as np

from locexp.images import channels_of, with_channels

STEPS = 256
"""Steps of a pixel in which places are told apart."""
UNIT = 2**16
"""The unit of the entries of maps."""
PIXELS_AT_ONCE = 2**15
"""Pixels that are drawn at a time: what is in between stays in the CPU's cache."""


def remapped(images: np.ndarray, maps: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return images as seen through affine maps, on canvases of their own size.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3).
        maps: int64 (n, 2, 2), of (x, y) from the middle of the canvas to what is to be seen there, in 1/65536.
        places: int64 (n, 2), what is to be seen in the middle, in 1/65536 pixel from the middle of the image.

    Returns:
        uint8, of the shape of the images; beyond an image is the median of its border, by channel, which is the padding
        of one that was padded. Places are rounded to 1/256 pixel; values to the nearest, along rows and then between.
    """
    height, width = images.shape[1:3]
    made = np.empty_like(images)
    size = min(len(images), max(1, PIXELS_AT_ONCE // (height * width)))
    buffers = _Buffers(size, width, height, channels_of(images))
    for part in (slice(first, first + size) for first in range(0, len(images), size)):
        x, y = _coordinates(maps[part], places[part], width, height)
        buffers.interpolate(with_channels(images[part]), x, y, with_channels(made[part]))
    return made


def _coordinates(maps: np.ndarray, places: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which x and y of the images is seen at each pixel: int32 (n, height, width), in 1/256, up to a pixel
    beyond the image.

    A pixel is where its centre is, and the first is at 0.
    """
    found = []
    across, down = (np.arange(1 - side, side, 2) * (STEPS // 2) for side in (width, height))  # from the middle
    for axis, side in enumerate((width, height)):
        middle = places[:, axis, None] * STEPS + ((side - 1) * (STEPS // 2) * UNIT + UNIT // 2)
        columns = (maps[:, axis, :1] * across + middle) // UNIT
        rows = (maps[:, axis, 1:] * down + UNIT // 2) // UNIT
        seen = columns.astype(np.int32)[:, None, :] + rows.astype(np.int32)[:, :, None]
        found.append(np.clip(seen, -STEPS, side * STEPS, out=seen))
    return found[0], found[1]


class _Buffers:
    """Room to interpolate some images at a time, which the system gives once.

    Args:
        size: how many images at most.
        width, height, channels: of each.
    """

    def __init__(self, size: int, width: int, height: int, channels: int) -> None:
        count = 4 if channels > 1 else 1
        kind = np.uint64 if channels > 1 else np.uint16
        # A pixel around the image, and one more at the end of rows and columns, which weighs nothing.
        self._lanes = np.zeros((size, height + 3, width + 3, count), np.uint16)
        self._corners = tuple(np.empty((size, height, width), kind) for _ in range(4))
        self._right, self._lower = (np.empty((size, height, width), kind) for _ in range(2))
        self._first = np.empty((size, height, width), np.intp)
        ones = np.ones(count, np.uint16).view(kind)[0]
        self._eight, self._half, self._mask = kind(8), kind(128) * ones, kind(255) * ones

    def interpolate(self, images: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write images (uint8 (n, height, width, channels)) at these coordinates to ``out``, of the same shape."""
        count, height, width, channels = images.shape
        self._lanes[:count, ..., :channels] = _border(images)[:, None, None]
        self._lanes[:count, 1:-2, 1:-2, :channels] = images
        words = self._lanes.view(self._right.dtype).reshape(-1)
        corners = [corner[:count] for corner in self._corners]
        right, lower, first = self._right[:count], self._lower[:count], self._first[:count]
        np.bitwise_and(x, STEPS - 1, out=right, casting="unsafe")
        np.bitwise_and(y, STEPS - 1, out=lower, casting="unsafe")
        x >>= 8
        y >>= 8
        row = width + 3
        np.multiply(y, row, out=first)
        first += x
        first += (np.arange(count) * ((height + 3) * row) + row + 1)[:, None, None]
        for corner, step in zip(corners, (0, 1, row, row + 1), strict=True):
            np.take(words[step:], first, mode="clip", out=corner)
        above = self._between(corners[0], corners[1], right)
        below = self._between(corners[2], corners[3], right)
        seen = self._between(above, below, lower)
        out[...] = seen.view(np.uint16).reshape(*x.shape, -1)[..., :channels]

    def _between(self, one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return ``one + (other - one) * weight / 256`` in every lane, rounded, in place of both.

        What a lane borrows from the next is given back in the sum, which is below 2**16 in each.
        """
        other -= one
        other *= weight
        one <<= self._eight
        one += other
        one += self._half
        one >>= self._eight
        one &= self._mask
        return one


def _border(images: np.ndarray) -> np.ndarray:
    """Return the (upper) median of the values at the border of images: uint8 (n, channels)."""
    sides = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    middle = sides.shape[1] // 2
    return np.partition(sides, middle, axis=1)[:, middle]

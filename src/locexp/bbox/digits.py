"""Digits cut out of their images: what is drawn on a canvas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locexp.bbox.geometry import ink_boxes
from locexp.bbox.resampling import ONE, STEPS
from locexp.bbox.warping import Warp, largest, warped
from locexp.errors import ImagesError

BLOCK = 4096


@dataclass(frozen=True)
class Digits:
    """The ink of n images, each moved to the upper left corner of a window that holds the largest.

    Attributes:
        windows: uint8 (n, height, width), 0 outside a digit's own size.
        sizes: int64 (n, 2): width and height of the ink.
        anchors: int64 (n, 2): x and y of the brightest pixel in the window.
    """

    windows: np.ndarray
    sizes: np.ndarray
    anchors: np.ndarray


def cut_out(images: np.ndarray, split: str, least: int = 1) -> Digits:
    """Cut every image (uint8 (n, height, width)) to its ink, that is all above 0.

    Args:
        images: of the split.
        split: its name, for the message.
        least: width and height of the windows are at least this.

    Raises:
        UserError: an image has no ink.
    """
    boxes = ink_boxes(images)
    sizes = boxes[:, 2:] - boxes[:, :2]
    blank = np.flatnonzero(sizes[:, 0] == 0)
    if len(blank):
        raise ImagesError(
            f"bbox: {len(blank)} of {len(images)} {split} images ({{which}}) are all 0, so there is no digit to draw; "
            "remove them.",
            blank.tolist(),
        )
    width, height = (max(int(side), least) for side in sizes.max(axis=0))
    windows = np.empty((len(images), height, width), np.uint8)
    rows, columns = np.arange(height), np.arange(width)
    for start in range(0, len(images), BLOCK):
        part = slice(start, start + BLOCK)
        # Beyond the image its last row or column is read; the mask clears that.
        y = np.minimum(boxes[part, 1, None] + rows, images.shape[1] - 1)
        x = np.minimum(boxes[part, 0, None] + columns, images.shape[2] - 1)
        size = sizes[part]
        inside = (rows < size[:, 1, None])[:, :, None] & (columns < size[:, 0, None])[:, None, :]
        numbers = np.arange(len(size))[:, None, None]
        windows[part] = images[part][numbers, y[:, :, None], x[:, None, :]] * inside
    brightest = windows.reshape(len(images), -1).argmax(axis=1)
    anchors = np.stack([brightest % width, brightest // width], axis=1)
    return Digits(windows, sizes, anchors.astype(np.int64))


def warped_digits(digits: Digits, warp: Warp, strength: float) -> Digits:
    """Return warped digits, each in the upper left corner of a window that has room for the largest."""
    shape = largest(int(digits.windows.shape[2]), int(digits.windows.shape[1]), strength)
    # Interpolated, ink reaches up to a pixel further on every side.
    sizes = ((warp.extents(digits.sizes) + (ONE - 1)) >> 12) + 2
    windows = warped(digits.windows, warp, digits.sizes * (STEPS // 2), sizes * (STEPS // 2), shape)
    brightest = windows.reshape(-1, shape[0] * shape[1]).argmax(axis=1)
    return Digits(windows, sizes, np.stack([brightest % shape[0], brightest // shape[0]], axis=-1))

"""Digits cut out of their images: what is drawn on a canvas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from locexp.bbox.geometry import ink_boxes
from locexp.bbox.resampling import ONE, STEPS
from locexp.bbox.warping import SLANT, STRETCH, TURN, Warp, warped
from locexp.errors import ImagesError, verb


@dataclass(frozen=True)
class Digits:
    """The ink of n images, each moved to the upper left corner of a window that holds the largest.

    Attributes:
        windows: uint8 (n, height, width), 0 outside a digit's own size.
        sizes: int64 (n, 2): width and height of the ink.
    """

    windows: np.ndarray
    sizes: np.ndarray

    @property
    def anchors(self) -> np.ndarray:
        """x and y of the brightest pixel in each window: int64 (n, 2)."""
        brightest = self.windows.reshape(len(self.windows), -1).argmax(axis=1)
        return np.stack(np.divmod(brightest, self.windows.shape[2])[::-1], axis=1)


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
        are, them = verb(len(blank), "is", "are"), verb(len(blank), "it", "them")
        raise ImagesError(
            f"bbox: {len(blank)} of {len(images)} {split} images ({{which}}) {are} all 0, so there is no digit to "
            f"draw; remove {them}.",
            blank.tolist(),
        )
    width, height = (max(int(side), least) for side in sizes.max(axis=0))
    windows = np.zeros((len(images), height, width), np.uint8)
    for window, image, (x1, y1, x2, y2) in zip(windows, images, boxes.tolist(), strict=True):
        window[: y2 - y1, : x2 - x1] = image[y1:y2, x1:x2]
    return Digits(windows, sizes)


def warped_digits(digits: Digits, warp: Warp, strength: float) -> Digits:
    """Return warped digits, each in the upper left corner of a window that has room for the largest."""
    height, width = digits.windows.shape[1:]
    # No sine or cosine of a smaller angle makes a digit larger than these together; and a pixel around it.
    stretch, sine, slant = (1 + STRETCH) ** strength, math.sin(TURN * strength), SLANT * strength
    wide = math.ceil(stretch * (width + (slant + sine) * height)) + 3
    high = math.ceil(stretch * (height * (1 + sine * slant) + sine * width)) + 3
    # Interpolated, ink reaches up to a pixel further on every side.
    sizes = ((warp.extents(digits.sizes) + (ONE - 1)) >> 12) + 2
    return Digits(warped(digits.windows, warp, digits.sizes * (STEPS // 2), sizes * (STEPS // 2), (wide, high)), sizes)

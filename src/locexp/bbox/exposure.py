"""How bright and how colourful photos are: brightness, contrast and grey, in whole numbers."""

from __future__ import annotations

import numpy as np

from locexp.bbox.draws import EXPOSURE, RandomKey, draws, uniform

UNIT = 4096
"""The unit of what pixels are multiplied by."""
VALUES_AT_ONCE = 2**16
"""Values that are worked on at a time: what is in between stays in the CPU's cache."""
RED, GREEN, BLUE = 77, 150, 29
"""Weights of luminance in 1/256 (ITU-R BT.601)."""


def exposed(key: RandomKey, images: np.ndarray, brightness: float, contrast: float, grey: float) -> np.ndarray:
    """Return photos that are brighter or darker, starker or flatter, some of them grey.

    Args:
        key: of the examples.
        images: uint8 (n, height, width) or (n, height, width, 3).
        brightness: the most that is added or taken away, as a share of white; uniform.
        contrast: how far each value is from the mean of its photo is multiplied by 1 to ``1 + contrast``, or divided.
        grey: share of photos whose colours are taken away.
    """
    if not (brightness or contrast or grey):
        return images
    drawn = uniform(draws(key, EXPOSURE, 3))
    light, stark, is_grey = 2 * drawn[:, 0] - 1, 2 * drawn[:, 1] - 1, drawn[:, 2] < grey
    factor = 1 + contrast * np.abs(stark)
    gain = np.rint(np.where(stark < 0, 1 / factor, factor) * UNIT).astype(np.int64)
    added = np.rint(light * brightness * 255 * UNIT).astype(np.int64)
    made = np.empty_like(images)
    each = images[0].size
    size = min(len(images), max(1, VALUES_AT_ONCE // each))
    buffer = np.empty((size, each), np.int32)
    for first in range(0, len(images), size):
        part = slice(first, first + size)
        rows = _greyed(images[part], is_grey[part]).reshape(-1, each)
        total = rows.sum(axis=1, dtype=np.int64)
        offset = (UNIT - gain[part]) * total // each + added[part] + UNIT // 2
        values = np.multiply(rows, gain[part, None].astype(np.int32), out=buffer[: len(rows)])
        values += offset[:, None].astype(np.int32)
        values >>= 12
        made[part] = np.clip(values, 0, 255, out=values).reshape(made[part].shape)
    return made


def _greyed(images: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return photos, those of ``which`` (bool (n,)) that are in colour in grey."""
    if images.ndim == 3 or not which.any():
        return images
    made = images.copy()
    red, green, blue = (images[which, :, :, channel].astype(np.uint16) for channel in range(3))
    made[which] = ((RED * red + GREEN * green + BLUE * blue + 128) >> 8)[..., None]
    return made

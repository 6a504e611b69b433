"""What images look like that are not what they should be: nothing is changed, the run says it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from locexp.data.arrays import Split
from locexp.errors import listed

DARK = 128
"""If half of the images have no pixel as bright as this, white is probably not 255 in them."""


def suspicions(parts: Mapping[str, Split]) -> list[str]:
    """Return notes on images that are too dark for values of 0 to 255."""
    notes: dict[str, list[str]] = {}
    for part, split in parts.items():
        peaks = split.images.max(axis=(1, 2))
        typical = int(np.median(peaks))
        if typical < DARK:
            most = "No pixel is" if peaks.max() == typical else "In half of the images no pixel is"
            white = f" If {typical} is white, save images * (255 / {typical})." if typical else ""
            notes.setdefault(
                f"{most} brighter than {typical} of 255, and networks learn less from dark images.{white}", []
            ).append(part)
    return [f"{text} (In the {listed(names)} part.)" for text, names in notes.items()]


def ground(images: np.ndarray) -> int:
    """Return the middle grey level at the borders of images (uint8 (n, height, width))."""
    borders = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    return int(np.median(np.median(borders, axis=1)))

"""Signs that images are not what they should be: nothing is changed, but the run reports them."""

from __future__ import annotations

import numpy as np

DARK = 128
"""If half of the images have no pixel as bright as this, white is probably not 255 in them."""
MOST_IMAGES = 2000


def darkness(images: np.ndarray) -> str | None:
    """Return what to say about images (uint8 (n, height, width)) that are too dark for values of 0 to 255."""
    peaks = images.max(axis=(1, 2))
    typical = int(np.median(peaks))
    if typical >= DARK:
        return None
    most = "no pixel is" if peaks.max() == typical else "in half of the images no pixel is"
    remedy = f" If {typical} is white, save images * (255 / {typical})." if typical else ""
    return f"{most} brighter than {typical} of 255, and networks learn less from dark images.{remedy}"


def ground(images: np.ndarray) -> int:
    """Return the middle grey level at the borders of images (uint8 (n, height, width)), of some if they are many."""
    images = images[:: -(-len(images) // MOST_IMAGES)]
    borders = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    return int(np.median(np.median(borders, axis=1)))

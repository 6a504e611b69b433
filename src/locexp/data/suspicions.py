"""Signs that images are not what they should be: nothing is changed, but the run reports them."""

from __future__ import annotations

import numpy as np

DARK = 128
"""If half of the images have no pixel as bright as this, white is probably not 255 in them."""
MIDDLE_GREY = 128
"""A ground as bright as this is a light one."""
MOST_IMAGES = 2000


def darkness(images: np.ndarray) -> str | None:
    """Return what to say about images (uint8 (n, height, width[, 3])) that are too dark for values of 0 to 255."""
    peaks = images.reshape(len(images), -1).max(axis=1)
    typical = int(np.median(peaks))
    if typical >= DARK:
        return None
    most = "no pixel is" if peaks.max() == typical else "in half of the images no pixel is"
    remedy = f" If {typical} is white, save images * (255 / {typical})." if typical else ""
    return f"{most} brighter than {typical} of 255, and networks learn less from dark images.{remedy}"


def ground(images: np.ndarray) -> int:
    """Return the middle level at the borders of images (uint8 (n, height, width[, 3])), of some if they are many.

    The median over images of each image's median; in colour, over its three channels alike.
    """
    images = images[:: -(-len(images) // MOST_IMAGES)]
    borders = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    return int(np.median(np.median(borders.reshape(len(borders), -1), axis=1)))

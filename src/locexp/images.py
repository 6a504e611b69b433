"""Arrays of images: uint8, grey (n, height, width) or in colour (n, height, width, 3)."""

from __future__ import annotations

import numpy as np


def channels_of(images: np.ndarray) -> int:
    """Return 1 for grey images (n, height, width), and 3 for colour (n, height, width, 3)."""
    return int(images.shape[3]) if images.ndim == 4 else 1


def with_channels(images: np.ndarray) -> np.ndarray:
    """Return images as (n, height, width, channels), a view."""
    return images if images.ndim == 4 else images[..., np.newaxis]

"""What the tests of scenes share: digits that are cheap to make and easy to tell apart."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def strokes() -> np.ndarray:
    """64 patches of many greys: uint8 (64, 28, 28), by integer arithmetic alone, so that digests can be fixed.

    Some reach the border of the image; the first is a single pixel in its corner.
    """
    number, y, x = np.ogrid[:64, :28, :28]
    left, top, width, height = number * 7 % 18, number * 11 % 19, 3 + number * 5 % 8, 4 + number * 3 % 6
    inside = (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
    greys = 1 + (number * 37 + x * x * 11 + x * y * 29 + y * y * 7) % 255
    images = np.where(inside, greys, 0).astype(np.uint8)
    images[0] = 0
    images[0, 27, 27] = 255
    return images

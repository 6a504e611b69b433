"""Annotated pictures: each image with its box, its class and the probability."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from locexp.data.photos import decode, read
from locexp.data.photos.decode import UnusableError
from locexp.plots.marked import marked
from locexp.prediction.predictions import Prediction
from locexp.prediction.sources import Failure
from locexp.system.files import replacing

MOST_PIXELS = 2**24
"""Larger images are drawn scaled down to as many."""
QUALITY = 90


def draw(pairs: Sequence[tuple[Prediction, Path]], names: Mapping[str, str]) -> list[Failure]:
    """Write pictures of predictions, whose files are decoded again, in their own size.

    Args:
        pairs: predictions and where the picture of each goes, a ``.jpg`` or a ``.png``.
        names: of classes, as pictures show them, see :func:`locexp.plots.names.drawable`.

    Returns:
        Which images could not be read again, and why.

    Raises:
        OSError: a picture cannot be written.
    """
    large = threading.Lock()

    def one(pair: tuple[Prediction, Path]) -> Failure | None:
        prediction, path = pair
        try:
            image, scale = _pixels(prediction, large)
        except UnusableError as error:
            return Failure(prediction.source.file, f"no picture of it: {error}")
        box = [edge * scale for edge in prediction.box]
        page = marked(image, box, f"{names[prediction.name]} {prediction.probability:.2f}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            page.save(partial, quality=QUALITY)
        return None

    return [failure for failure in read.each(one, pairs, "drawn") if failure is not None]


def _pixels(prediction: Prediction, large: threading.Lock) -> tuple[np.ndarray, float]:
    """Return an image in colour, uint8 (height, width, 3), and how much smaller than the original it is."""
    image = prediction.source.image
    if image is not None:
        return image if image.ndim == 3 else np.repeat(image[..., np.newaxis], 3, axis=2), 1.0
    width, height = prediction.size
    scale = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return decode.pixels(Path(prediction.source.file), size, 3, large).values, scale

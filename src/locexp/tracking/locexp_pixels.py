"""How a logged model takes images; a copy goes with each model, so that nothing of locexp is needed to serve it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

MARGIN = 0.05
"""Fractions may pass 0 and 1 by this, as interpolation makes them; beyond it, they are scaled in another way."""


class PixelModel:
    """A Keras model that takes 0 to 1, for images of any type: whole numbers are pixels, fractions are divided already.

    Args:
        model: with one input, (n, height, width, 1); the last axis may be left out of images.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """Return the Keras model, which knows fractions alone."""
        return self._model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Return the model's outputs by name, float32 (n, classes) and (n, 4).

        Args:
            data: (n, height, width[, 1]): whole numbers from 0 to 255, or fractions from 0 to 1. Whole numbers of which
                none is above 1 are fractions, too, as JSON has them.
            params: of no effect.

        Raises:
            ValueError: values are outside these ranges.
        """
        if isinstance(data, dict) and len(data) == 1:  # an input by its name
            (data,) = data.values()
        images = np.asarray(data)
        if images.ndim == 3:
            images = images[..., np.newaxis]
        low, high = images.min(initial=0), images.max(initial=0)
        is_whole = images.dtype.kind in "iub"
        lowest, highest = (0, 255) if is_whole else (-MARGIN, 1 + MARGIN)
        if not (low >= lowest and high <= highest):  # NaN is neither
            expected = "pixels from 0 to 255" if is_whole else "fractions from 0 to 1 (divide pixels by 255)"
            raise ValueError(f"the {images.dtype} images run from {low:g} to {high:g}; expected {expected}.")
        if is_whole and high > 1:
            images = images / np.float32(255)
        outputs: dict[str, np.ndarray] = self._model.predict(images.astype(np.float32), verbose=0)
        return outputs


def _load_pyfunc(path: str) -> PixelModel:
    """Load the model in a folder, as MLflow asks of a ``loader_module`` (safe mode: no code in its file is run)."""
    import keras

    return PixelModel(keras.models.load_model(Path(path) / "model.keras", compile=False, safe_mode=True))

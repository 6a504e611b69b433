"""How a logged model takes images; a copy goes with each model, so that nothing of locexp is needed to serve it.

A process imports one module of a name, whichever model it came with, so this has another name than that of version 0.1,
``locexp_pixels``, for models that take 0 to 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

MARGIN = 0.1
"""Fractions of the range by which floats may pass its ends, as interpolation makes them."""


class PixelModel:
    """A Keras model that takes 0 to 255, for images of any type; what lies outside, or is from 0 to 1, is refused.

    Args:
        model: with one input, (n, height, width, channels).
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """Return the Keras model."""
        return self._model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Return the model's outputs by name, float32 (n, classes) and (n, 4).

        Args:
            data: values from 0 to 255, (n, height, width, channels); of one channel, the last axis may be left out.
            params: of no effect.

        Raises:
            ValueError: the shape is another one, values are outside this range, or all are fractions from 0 to 1.
        """
        if isinstance(data, dict) and len(data) == 1:  # an input by its name
            (data,) = data.values()
        images = np.asarray(data)
        shape = self._model.input_shape[1:]
        if images.ndim == 3 and shape[2] == 1:
            images = images[..., np.newaxis]
        if images.ndim != 4 or images.shape[1:] != shape:
            expected = ", ".join(map(str, shape))
            raise ValueError(f"the images have shape {images.shape}; expected (n, {expected}).")
        low, high = images.min(initial=0), images.max(initial=0)
        margin = MARGIN if images.dtype.kind == "f" else 0
        if not (low >= -255 * margin and high <= 255 * (1 + margin)):  # NaN is neither
            raise ValueError(f"the {images.dtype} images run from {low:g} to {high:g}; expected 0 to 255.")
        if 0 < high <= 1 + margin and (images != np.rint(images)).any():
            raise ValueError(
                f"the values of the images run from {low:g} to {high:g}; this model takes 0 to 255. Multiply fractions "
                "from 0 to 1 by 255."
            )
        outputs: dict[str, np.ndarray] = self._model.predict(images.astype(np.float32), verbose=0)
        return outputs


def _load_pyfunc(path: str) -> PixelModel:
    """Load the model in a folder, as MLflow asks of a ``loader_module`` (safe mode: no code in its file is run)."""
    import keras

    return PixelModel(keras.models.load_model(Path(path) / "model.keras", compile=False, safe_mode=True))

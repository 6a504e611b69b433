"""Layers whose weights are constants of the network: part of it and saved with it, but never trained."""

from __future__ import annotations

from typing import Any

import numpy as np


def fixed(layer: Any, features: Any, **weights: np.ndarray) -> Any:
    """Apply a plain Keras layer with these weights; no code but Keras' own is needed to load the network again.

    Args:
        layer: not applied yet, made with ``trainable=False`` and ``kernel_initializer="zeros"``, so that it takes
            nothing from the stream of random seeds that the trained layers draw from.
        features: what it is applied to.
        weights: by attribute (``kernel``, ``bias``), of the shape that the layer gives them.

    Raises:
        ValueError: another shape.
    """
    made = layer(features)
    for name, values in weights.items():
        getattr(layer, name).assign(values)
    return made


def float_type() -> str:
    """Return what heads and positions compute in: float32 at least, whatever the policy; bfloat16 loses digits."""
    import keras

    return "float64" if keras.config.floatx() == "float64" else "float32"

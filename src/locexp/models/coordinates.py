"""Coordinate channels, which tell a convolution where it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.models.fixed import fixed


def with_coordinates(features: Any, image: Any, name: str) -> Any:
    """Append two channels to feature maps (n, height, width, c): x and y of each cell, from -1 to 1.

    The first column has x = -1 and the last x = 1; a single column has 0. Liu et al. 2018, 1807.03247.

    Args:
        features: the maps.
        image: the input of the network, which says how many examples there are; its pixels do not count.
        name: with which those of the layers start.
    """
    import keras

    height, width = features.shape[1:3]
    layers = keras.layers
    # Dense with a kernel of zeros and the grid as its bias: the same for every image, and no gradient flows through it.
    nothing = layers.GlobalAveragePooling2D(name=f"{name}_image")(image)
    constant = layers.Dense(height * width * 2, kernel_initializer="zeros", trainable=False, name=f"{name}_grid")
    flat = fixed(constant, nothing, bias=coordinate_grid(height, width).ravel())
    grid = layers.Reshape((height, width, 2), name=f"{name}_maps")(flat)
    return layers.Concatenate(name=name)([features, grid])


def coordinate_grid(height: int, width: int) -> np.ndarray:
    """Return x and y of each cell, from -1 to 1: float64 (height, width, 2)."""
    x, y = (np.linspace(-1, 1, count) if count > 1 else np.zeros(1) for count in (width, height))
    return np.stack(np.meshgrid(x, y), axis=2)

"""The convolutional stages that trunks are made of: plain and max-pooled, or residual."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from locexp.models.blocks import convolution, residual
from locexp.models.coordinates import with_coordinates
from locexp.models.trunk import Layers, check_halvings

Convolve = Callable[[Any, int, int, str], Any]
"""(feature maps, their new number of channels, the stage's number from 1, name for the layers) -> feature maps."""


def pooled_convolutions(image: Any, filters: Sequence[int], *, normalization: str, coordinates: str) -> list[Layers]:
    """Return one stage for each number of filters: a 3x3 convolution with zero padding, relu, 2x2 max-pooling.

    Args:
        image: the input of the network.
        filters: of each convolution.
        normalization, coordinates: see :mod:`locexp.models.keys`.

    Raises:
        UserError: the image is too small.
    """

    def convolve(features: Any, count: int, number: int, name: str) -> Any:
        import keras

        features = convolution(features, count, name, normalization=normalization)
        return keras.layers.MaxPooling2D(2, name=f"{name}_pool")(features)

    check_halvings(image.shape[1:], len(filters), filters)
    return _stages(image, filters, coordinates, convolve)


def residual_stages(
    image: Any, filters: Sequence[int], *, stride: int, normalization: str, coordinates: str
) -> list[Layers]:
    """Return one stage for each number of filters.

    The first is a 5x5 convolution with the given stride and a residual block; each of the others a residual block that
    halves the maps.

    Args:
        image: the input of the network.
        filters: of each stage.
        stride: of the first convolution: pixels per cell of the finest maps.
        normalization, coordinates: see :mod:`locexp.models.keys`.

    Raises:
        UserError: the image is too small.
    """

    def convolve(features: Any, count: int, number: int, name: str) -> Any:
        if number > 1:
            return residual(features, count, name, strides=2, normalization=normalization)
        features = convolution(features, count, name, size=5, strides=stride, normalization=normalization)
        return residual(features, count, f"{name}r", normalization=normalization)

    check_halvings(image.shape[1:], stride.bit_length() - 1 + len(filters) - 1, filters)
    return _stages(image, filters, coordinates, convolve)


def _stages(image: Any, filters: Sequence[int], coordinates: str, convolve: Convolve) -> list[Layers]:
    def stage(features: Any, prefix: str, *, number: int, count: int) -> Any:
        if coordinates == "every" or (coordinates == "input" and number == 1):
            features = with_coordinates(features, image, f"{prefix}coordinates_{number}")
        return convolve(features, count, number, f"{prefix}conv2d_{number}")

    return [functools.partial(stage, number=number, count=count) for number, count in enumerate(filters, 1)]

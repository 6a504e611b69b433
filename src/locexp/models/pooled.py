"""The plain convolutional trunk of ``cnn_small`` and ``coordconv``: convolutions, each max-pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locexp.models.blocks import convolution
from locexp.models.coordinates import with_coordinates
from locexp.models.trunk import Stage, check_halvings


def pooled_convolutions(image: Any, filters: Sequence[int], *, normalization: str, coordinates: str) -> list[Stage]:
    """Return one stage for each number of filters: a 3x3 convolution with zero padding, relu, 2x2 max-pooling.

    Args:
        image: the input of the network.
        filters: of each convolution.
        normalization: see :func:`locexp.models.blocks.convolution`.
        coordinates: see :mod:`locexp.models.coordinates`.

    Raises:
        UserError: the image is too small.
    """
    check_halvings(image.shape[1:], len(filters), filters)

    def made(place: int, count: int) -> Stage:
        def stage(features: Any, prefix: str) -> Any:
            import keras

            if coordinates == "every" or (coordinates == "input" and place == 1):
                features = with_coordinates(features, image, f"{prefix}coordinates_{place}")
            name = f"{prefix}conv2d_{place}"
            features = convolution(features, count, name, normalization=normalization)
            return keras.layers.MaxPooling2D(2, name=f"{name}_pool")(features)

        return stage

    return [made(place, count) for place, count in enumerate(filters, 1)]

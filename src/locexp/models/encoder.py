"""The residual trunk of ``resnet`` and the ``fcn`` networks: a first convolution, then stages of residual blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locexp.models.blocks import convolution, residual
from locexp.models.coordinates import with_coordinates
from locexp.models.trunk import Stage, check_halvings


def encoder(
    image: Any, filters: Sequence[int], *, stride: int, normalization: str, coordinates: str = "none"
) -> list[Stage]:
    """Return one stage for each number of filters.

    The first is a 5x5 convolution with the given stride and a residual block; each of the others a residual block that
    halves the maps.

    Args:
        image: the input of the network.
        filters: of each stage.
        stride: of the first convolution: pixels a cell of the finest maps.
        normalization: see :func:`locexp.models.blocks.convolution`.
        coordinates: see :mod:`locexp.models.coordinates`; a stage is what has them before it.

    Raises:
        UserError: the image is too small.
    """
    check_halvings(image.shape[1:], stride.bit_length() - 1 + len(filters) - 1, filters)

    def made(place: int, count: int) -> Stage:
        def stage(features: Any, prefix: str) -> Any:
            name = f"{prefix}conv2d_{place}"
            if coordinates == "every" or (coordinates == "input" and place == 1):
                features = with_coordinates(features, image, f"{prefix}coordinates_{place}")
            if place > 1:
                return residual(features, count, name, strides=2, normalization=normalization)
            features = convolution(features, count, name, size=5, strides=stride, normalization=normalization)
            return residual(features, count, f"{name}r", normalization=normalization)

        return stage

    return [made(place, count) for place, count in enumerate(filters, 1)]

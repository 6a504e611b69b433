"""``model=cnn``: the classic two-headed network."""

from __future__ import annotations

import functools
from typing import Any

from locexp.bounds import checked
from locexp.errors import UserError
from locexp.models.heads import BoxHead, heads
from locexp.models.keys import Dropout, Filters, Units
from locexp.models.trunk import Layers, branches, check_shared_with_dense


@checked("model", check_shared_with_dense)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (32, 64),
    dense_units: Units = 128,
    dropout: Dropout = 0.0,
    bbox_head: BoxHead = "corners",
    shared: int | str = "all",
) -> Any:
    """Build convolutions with max-pooling, one dense layer, and the two heads.

    Args:
        filters: of each 3x3 convolution, relu, each followed by 2x2 max-pooling.
        shared: the dense layer is the last stage. This and the others: see :mod:`locexp.models.keys`.

    Raises:
        UserError: out of range, or the image is too small for so many convolutions.
    """
    import keras

    side = min(input_shape[:2])
    for _ in filters:
        side = (side - 2) // 2
    if side < 1:
        raise UserError(
            f"model.filters={list(filters)}: {len(filters)} convolutions with pooling leave nothing of an image of "
            f"{input_shape[1]}x{input_shape[0]} pixels; give fewer."
        )
    images = keras.Input(input_shape, name="image")
    stages: list[Layers] = [
        functools.partial(_convolution, filters=count, number=number) for number, count in enumerate(filters, 1)
    ]
    stages.append(functools.partial(_dense, units=dense_units, dropout=dropout))
    first, second = branches(images, stages, shared)
    return keras.Model(images, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="cnn")


def _convolution(features: Any, prefix: str, *, filters: int, number: int) -> Any:
    import keras

    features = keras.layers.Conv2D(filters, 3, name=f"{prefix}conv2d_{number}" if prefix else None)(features)
    # The relu of a maximum is the maximum of relus, with the same gradients, on a quarter of the numbers.
    return keras.layers.ReLU()(keras.layers.MaxPooling2D(2)(features))


def _dense(features: Any, prefix: str, *, units: int, dropout: float) -> Any:
    import keras

    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(units, activation="relu", name=f"{prefix}dense" if prefix else None)(features)
    return keras.layers.Dropout(dropout)(features) if dropout else features

"""``model=cnn``: the classic two-headed network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locexp.errors import UserError
from locexp.models.heads import check_bbox_head, heads


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64),
    dense_units: int = 128,
    dropout: float = 0.0,
    bbox_head: str = "corners",
) -> Any:
    """Build convolutions with max-pooling, one shared dense layer, and the two heads.

    Args:
        input_shape: (height, width, channels).
        num_classes: units of the softmax head.
        filters: filters of each 3x3 convolution, relu, each followed by 2x2 max-pooling.
        dense_units: units of the shared dense layer, relu.
        dropout: rate after the dense layer, in [0, 1).
        bbox_head: see :func:`locexp.models.heads.heads`.

    Returns:
        A functional ``keras.Model`` with outputs ``classification`` (softmax) and ``bbox`` (normalised xyxy).

    Raises:
        UserError: out of range, or the image is too small for so many convolutions.
    """
    import keras

    check_ranges(filters=filters, dense_units=dense_units, dropout=dropout)
    side = min(input_shape[:2])
    for _ in filters:
        side = (side - 2) // 2
    if side < 1:
        raise UserError(
            f"model.filters={list(filters)}: {len(filters)} convolutions with pooling leave nothing of an image of "
            f"{input_shape[1]}x{input_shape[0]} pixels; give fewer."
        )
    images = keras.Input(input_shape, name="image")
    features = images
    for count in filters:
        features = keras.layers.Conv2D(count, 3, activation="relu")(features)
        features = keras.layers.MaxPooling2D(2)(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(dense_units, activation="relu")(features)
    if dropout:
        features = keras.layers.Dropout(dropout)(features)
    return keras.Model(images, heads(features, num_classes, bbox_head), name="cnn")


def check_ranges(
    filters: Sequence[int] = (32, 64), dense_units: int = 128, dropout: float = 0.0, bbox_head: str = "corners"
) -> None:
    """Check the ranges of the keys; raises :class:`UserError`."""
    check_bbox_head(bbox_head)
    if not filters or any(count < 1 for count in filters):
        raise UserError(f"model.filters={list(filters)}: expected one whole number >= 1 for each convolution.")
    if dense_units < 1:
        raise UserError(f"model.dense_units={dense_units}: expected a whole number >= 1.")
    if not 0 <= dropout < 1:
        raise UserError(f"model.dropout={dropout}: expected a number in [0, 1).")

"""``model=resnet``: a small residual network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locexp.models.blocks import flat_dense
from locexp.models.checks import check_at_least, check_dropout
from locexp.models.coordinates import check_coordinates
from locexp.models.encoder import check_encoder, encoder
from locexp.models.heads import check_bbox_head, heads
from locexp.models.trunk import branches, check_shared


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 96),
    stride: int = 2,
    dense_units: int = 96,
    normalization: str = "batch",
    dropout: float = 0.3,
    coordinates: str = "none",
    bbox_head: str = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build residual stages, one dense layer on their flattened maps, and the two heads.

    Args:
        input_shape: (height, width, channels).
        num_classes: units of the softmax head.
        filters: of each stage, see :func:`locexp.models.encoder.encoder`.
        stride: of the first convolution: 1, 2 or 4 pixels.
        dense_units: units of the dense layer, relu.
        normalization: ``batch`` or ``none``.
        dropout: rate after the dense layer, in [0, 1).
        coordinates: see :mod:`locexp.models.coordinates`.
        bbox_head: see :func:`locexp.models.heads.heads`.
        shared: how many stages both heads share, from 0 to ``"all"``; the dense layer is the last.

    Returns:
        A functional ``keras.Model`` with outputs ``classification`` (softmax) and ``bbox`` (normalised xyxy).

    Raises:
        UserError: out of range, or the image is too small for so many stages.
    """
    import keras

    check_ranges(filters, stride, dense_units, normalization, dropout, coordinates, bbox_head, shared)
    image = keras.Input(input_shape, name="image")
    stages = encoder(image, filters, stride=stride, normalization=normalization, coordinates=coordinates)
    stages.append(lambda features, prefix: flat_dense(features, dense_units, prefix, dropout=dropout))
    first, second = branches(image, stages, shared)
    return keras.Model(image, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="resnet")


def check_ranges(
    filters: Sequence[int],
    stride: int,
    dense_units: int,
    normalization: str,
    dropout: float,
    coordinates: str,
    bbox_head: str,
    shared: int | str,
) -> None:
    """Check the ranges of the keys; raises :class:`UserError`."""
    check_encoder(filters, stride, normalization)
    check_at_least("dense_units", dense_units, 1)
    check_dropout(dropout)
    check_coordinates(coordinates)
    check_bbox_head(bbox_head)
    check_shared(shared, len(filters) + 1)

"""``model=coordconv``: a globally pooled network that knows positions only through coordinate channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locexp.models.blocks import pooled_dense
from locexp.models.checks import check_at_least, check_dropout, check_filters, check_normalization
from locexp.models.coordinates import check_coordinates
from locexp.models.heads import check_bbox_head, heads
from locexp.models.pooled import pooled_convolutions
from locexp.models.trunk import branches, check_shared


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 96),
    dense_units: int = 128,
    normalization: str = "batch",
    dropout: float = 0.2,
    coordinates: str = "every",
    bbox_head: str = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build convolutions on features with coordinates, each max-pooled, global pooling, a dense layer, the two heads.

    Global pooling forgets where things are, and its size does not grow with the canvas: what the box head learns of
    positions comes from the coordinate channels (Liu et al. 2018, 1807.03247).

    Args:
        input_shape: (height, width, channels).
        num_classes: units of the softmax head.
        filters: of each 3x3 convolution.
        dense_units: units of the dense layer, relu.
        normalization: ``batch`` or ``none``.
        dropout: rate after the dense layer, in [0, 1).
        coordinates: see :mod:`locexp.models.coordinates`.
        bbox_head: see :func:`locexp.models.heads.heads`.
        shared: how many stages both heads share, from 0 to ``"all"``; pooling and dense layer are the last.

    Returns:
        A functional ``keras.Model`` with outputs ``classification`` (softmax) and ``bbox`` (normalised xyxy).

    Raises:
        UserError: out of range, or the image is too small for so many convolutions.
    """
    import keras

    check_ranges(filters, dense_units, normalization, dropout, coordinates, bbox_head, shared)
    image = keras.Input(input_shape, name="image")
    stages = pooled_convolutions(image, filters, normalization=normalization, coordinates=coordinates)
    stages.append(lambda features, prefix: pooled_dense(features, dense_units, prefix, dropout=dropout))
    first, second = branches(image, stages, shared)
    return keras.Model(image, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="coordconv")


def check_ranges(
    filters: Sequence[int],
    dense_units: int,
    normalization: str,
    dropout: float,
    coordinates: str,
    bbox_head: str,
    shared: int | str,
) -> None:
    """Check the ranges of the keys; raises :class:`UserError`."""
    check_filters(filters)
    check_at_least("dense_units", dense_units, 1)
    check_normalization(normalization)
    check_dropout(dropout)
    check_coordinates(coordinates)
    check_bbox_head(bbox_head)
    check_shared(shared, len(filters) + 1)

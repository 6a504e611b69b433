"""``model=coordconv``: a globally pooled network that knows positions only through coordinate channels."""

from __future__ import annotations

from typing import Any

from locexp.bounds import checked
from locexp.models.blocks import pooled_dense
from locexp.models.heads import BoxHead, heads
from locexp.models.keys import Coordinates, Dropout, Filters, Normalization, Units
from locexp.models.stages import pooled_convolutions
from locexp.models.trunk import branches, check_shared_with_dense


@checked("model", check_shared_with_dense)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (32, 64, 96),
    dense_units: Units = 128,
    normalization: Normalization = "batch",
    dropout: Dropout = 0.2,
    coordinates: Coordinates = "every",
    bbox_head: BoxHead = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build convolutions on features with coordinates, each max-pooled, global pooling, a dense layer, the two heads.

    Global pooling forgets where things are, and its size does not grow with the canvas: what the box head learns of
    positions comes from the coordinate channels (Liu et al. 2018, 1807.03247).

    Args:
        shared: pooling and dense layer are the last stage. This and the others: see :mod:`locexp.models.keys`.

    Raises:
        UserError: out of range, or the image is too small for so many convolutions.
    """
    import keras

    image = keras.Input(input_shape, name="image")
    stages = pooled_convolutions(image, filters, normalization=normalization, coordinates=coordinates)
    stages.append(lambda features, prefix: pooled_dense(features, dense_units, prefix, dropout=dropout))
    first, second = branches(image, stages, shared)
    return keras.Model(image, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="coordconv")

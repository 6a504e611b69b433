"""``model=resnet``: a small residual network."""

from __future__ import annotations

from typing import Any

from locexp.bounds import checked
from locexp.models.blocks import flat_dense
from locexp.models.heads import BoxHead, heads
from locexp.models.keys import Coordinates, Dropout, Filters, Normalization, Stride, Units
from locexp.models.stages import residual_stages
from locexp.models.trunk import branches, check_shared_with_dense


@checked("model", check_shared_with_dense)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (32, 64, 96),
    stride: Stride = 2,
    dense_units: Units = 96,
    normalization: Normalization = "batch",
    dropout: Dropout = 0.3,
    coordinates: Coordinates = "none",
    bbox_head: BoxHead = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build residual stages, one dense layer on their flattened maps, and the two heads.

    Args:
        filters, stride: see :func:`locexp.models.stages.residual_stages`.
        shared: the dense layer is the last stage. This and the others: see :mod:`locexp.models.keys`.

    Raises:
        UserError: out of range, or the image is too small for so many stages.
    """
    import keras

    image = keras.Input(input_shape, name="image")
    stages = residual_stages(image, filters, stride=stride, normalization=normalization, coordinates=coordinates)
    stages.append(lambda features, prefix: flat_dense(features, dense_units, prefix, dropout=dropout))
    first, second = branches(image, stages, shared)
    return keras.Model(image, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="resnet")

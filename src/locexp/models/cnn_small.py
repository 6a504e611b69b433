"""``model=cnn_small``: a convolutional network of at most 30,000 parameters."""

from __future__ import annotations

from typing import Any

from locexp.bounds import checked
from locexp.models.blocks import flat_dense
from locexp.models.heads import BoxHead, heads
from locexp.models.keys import Coordinates, Dropout, Filters, Normalization, Units
from locexp.models.stages import pooled_convolutions
from locexp.models.trunk import branches, check_shared_with_dense


@checked("model", check_shared_with_dense)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (12, 24, 32),
    squeeze: Units = 8,
    dense_units: Units = 32,
    normalization: Normalization = "none",
    dropout: Dropout = 0.0,
    coordinates: Coordinates = "none",
    bbox_head: BoxHead = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build convolutions with max-pooling, a 1x1 convolution that squeezes the maps, a dense layer, and the two heads.

    Args:
        squeeze: filters of the 1x1 convolution before the dense layer, which would hold most parameters without it.
        shared: squeeze and dense layer are the last stage. This and the others: see :mod:`locexp.models.keys`.

    Raises:
        UserError: out of range, or the image is too small for so many convolutions.
    """
    import keras

    image = keras.Input(input_shape, name="image")
    stages = pooled_convolutions(image, filters, normalization=normalization, coordinates=coordinates)
    stages.append(lambda features, prefix: flat_dense(features, dense_units, prefix, squeeze=squeeze, dropout=dropout))
    first, second = branches(image, stages, shared)
    return keras.Model(image, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="cnn_small")

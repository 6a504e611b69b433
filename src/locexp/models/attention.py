"""``model=attention``: a classifier that looks where the object is, for photos of which there are few."""

from __future__ import annotations

from typing import Any

from locexp.bounds import checked
from locexp.models.blocks import convolution, flat_dense
from locexp.models.fixed import float_type
from locexp.models.heads import BoxHead, box_head, classification_head
from locexp.models.keys import Coordinates, Dropout, Filters, Normalization, Units
from locexp.models.stages import pooled_convolutions
from locexp.models.trunk import branches, check_shared_with_filters


@checked("model", check_shared_with_filters)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (32, 64, 128, 192),
    attended: Units = 256,
    squeeze: Units = 64,
    dense_units: Units = 256,
    normalization: Normalization = "batch",
    dropout: Dropout = 0.3,
    coordinates: Coordinates = "none",
    bbox_head: BoxHead = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build pooled convolutions, a class from an attention-weighted mean of their maps, and a box from where they are.

    A dense layer on flattened maps has to learn each class at each place anew. Here the class is read from the mean of
    the maps under weights that sum to 1 over the positions and are learnt with the rest (soft attention: Ilse et al.
    2018, 1802.04712, equation 8, with a linear score), so that the background drops out; the box keeps the positions.

    Args:
        filters: of each 3x3 convolution, each followed by 2x2 max-pooling; one more follows on the last maps.
        attended: channels of the maps whose weighted mean the class is read from.
        squeeze: channels of the maps that the box is read from.
        dense_units: of the box's dense layer.
        dropout: rate before the softmax head and after the box's dense layer. The others: see
            :mod:`locexp.models.keys`.

    Raises:
        UserError: out of range, or the image is too small for so many convolutions.
    """
    import keras

    image = keras.Input(input_shape, name="image")
    stages = pooled_convolutions(image, filters, normalization=normalization, coordinates=coordinates)
    last = stages.pop()
    stages.append(lambda maps, prefix: _deepened(last(maps, prefix), filters[-1], prefix, normalization))
    first, second = branches(image, stages, shared)
    features = _attended(first[-1], attended, normalization)
    if dropout:
        features = keras.layers.Dropout(dropout, name="classification_dropout")(features)
    where = flat_dense(second[-1], dense_units, "bbox_", squeeze=squeeze, dropout=dropout)
    outputs = {"classification": classification_head(features, num_classes), "bbox": box_head(where, bbox_head)}
    return keras.Model(image, outputs, name="attention")


def _deepened(maps: Any, filters: int, prefix: str, normalization: str) -> Any:
    """Convolve the smallest maps once more, where that is cheap and sees the most of the image."""
    return convolution(maps, filters, f"{prefix}conv2d_deep", normalization=normalization)


def _attended(maps: Any, channels: int, normalization: str) -> Any:
    """Return the mean of maps (n, h, w, c), recombined, under weights that are learnt: (n, channels)."""
    import keras

    layers, name = keras.layers, "classification_attention"
    cells = maps.shape[1] * maps.shape[2]
    values = convolution(maps, channels, f"{name}_maps", size=1, normalization=normalization)
    scores = layers.Reshape((cells,), name=f"{name}_scores")(layers.Conv2D(1, 1, name=name)(maps))
    weights = layers.Softmax(name=f"{name}_weights", dtype=float_type())(scores)
    flat = layers.Reshape((cells, channels), name="classification_values")(values)
    return layers.Dot(axes=(1, 1), name="classification_mean")([weights, flat])

"""What the two ``fcn`` networks share: a residual trunk, a pooled classifier, and fine maps for the box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from locexp.models.blocks import convolution, global_pools
from locexp.models.heads import classification_head
from locexp.models.stages import residual_stages
from locexp.models.trunk import branches


def fully_convolutional(
    input_shape: tuple[int, int, int],
    num_classes: int,
    box: Callable[[Any], Any],
    *,
    filters: Sequence[int],
    stride: int,
    normalization: str,
    dropout: float,
    coordinates: str,
    shared: int | str,
    name: str,
) -> Any:
    """Build the network around what makes boxes of fine maps.

    The class comes from the mean and the maximum of the last stage's maps; the box from maps of ``stride`` pixels per
    cell that know the whole image: the coarse maps are enlarged and added to the finer ones, stage by stage (Lin et
    al. 2017, 1612.03144).

    Args:
        box: makes boxes (n, 4) of maps (n, height/stride, width/stride, filters[0]), sizes rounded up.
        name: of the network.
        dropout: the rate before the softmax head. The others: see :mod:`locexp.models.keys`.
    """
    import keras

    image = keras.Input(input_shape, name="image")
    stages = residual_stages(image, filters, stride=stride, normalization=normalization, coordinates=coordinates)
    first, second = branches(image, stages, shared)
    features = global_pools(first[-1], "classification_")
    if dropout:
        features = keras.layers.Dropout(dropout, name="classification_dropout")(features)
    fine = _top_down(second, filters[0], normalization)
    outputs = {"classification": classification_head(features, num_classes), "bbox": box(fine)}
    return keras.Model(image, outputs, name=name)


def _top_down(maps: Sequence[Any], width: int, normalization: str) -> Any:
    """Return the finest maps, with ``width`` channels, to which the coarser ones have been added."""
    import keras

    layers = keras.layers
    merged: Any = None
    for number in range(len(maps), 0, -1):
        name = f"bbox_lateral_{number}"
        lateral = convolution(maps[number - 1], width, name, size=1, normalization=normalization, activation=None)
        if merged is not None:
            merged = layers.UpSampling2D(2, name=f"{name}_up")(merged)
            over = tuple((0, big - small) for big, small in zip(merged.shape[1:3], lateral.shape[1:3], strict=True))
            if any(more for _, more in over):  # halving rounds up
                merged = layers.Cropping2D(over, name=f"{name}_crop")(merged)
            lateral = layers.Add(name=f"{name}_add")([lateral, merged])
        merged = layers.Activation("relu", name=f"{name}_relu")(lateral)
    return convolution(merged, width, "bbox_fine", normalization=normalization)


def cell_edges(cells: int, stride: int, pixels: int) -> np.ndarray:
    """Return where the borders of cells are, normalised: float64 (cells + 1,), from 0 to 1.

    Args:
        cells: columns or rows of feature maps.
        stride: pixels per cell.
        pixels: of the canvas, which the last cell may reach beyond; its border is put on the edge of the canvas.
    """
    return np.minimum(np.arange(cells + 1) * stride / pixels, 1.0)

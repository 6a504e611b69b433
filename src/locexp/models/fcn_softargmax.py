"""``model=fcn_softargmax``: heat maps whose spatial expectations are the box."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from locexp.bounds import checked
from locexp.models.edges import box_of_edges
from locexp.models.fcn import cell_edges, fully_convolutional
from locexp.models.fixed import fixed, float_type
from locexp.models.heads import box_around
from locexp.models.keys import Coordinates, Dropout, Filters, Normalization, Stride
from locexp.models.trunk import check_shared_with_filters

BoxHead = Literal["edges", "center_size"]


@checked("model", check_shared_with_filters)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (24, 48, 96),
    stride: Stride = 2,
    normalization: Normalization = "batch",
    dropout: Dropout = 0.3,
    coordinates: Coordinates = "none",
    bbox_head: BoxHead = "edges",
    shared: int | str = "all",
) -> Any:
    """Build a residual trunk, a pooled classifier, and heat maps for the box.

    Args:
        filters, stride: see :func:`locexp.models.stages.residual_stages`.
        dropout: rate before the softmax head, in [0, 1). The others: see :mod:`locexp.models.keys`.
        bbox_head: ``edges``: a heat map for each edge, over the outermost points of the digit; the box can neither be
            inverted nor leave the canvas. ``center_size``: one heat map, whose expectation is the centre; the size is
            the average under it of a map of sizes; the box cannot be inverted, but it can leave the canvas.

    Raises:
        UserError: out of range, or the image is too small for so many stages.
    """
    height, width = input_shape[:2]

    def box(maps: Any) -> Any:
        rows, columns = maps.shape[1:3]
        x, y = cell_edges(columns, stride, width), cell_edges(rows, stride, height)
        return _edges(maps, x, y) if bbox_head == "edges" else _center_size(maps, x, y)

    return fully_convolutional(
        input_shape,
        num_classes,
        box,
        filters=filters,
        stride=stride,
        normalization=normalization,
        dropout=dropout,
        coordinates=coordinates,
        shared=shared,
        name="fcn_softargmax",
    )


def _edges(maps: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """A heat map is over cells; that of a low edge gives the low border of its cell, that of a high edge the high."""
    import keras

    rows, columns = maps.shape[1:3]
    dtype, layers = float_type(), keras.layers
    x_logits, y_logits = (
        layers.Reshape((rows * columns, 2), dtype=dtype)(layers.Conv2D(2, 1, name=name, dtype=dtype)(maps))
        for name in ("bbox_columns_logits", "bbox_rows_logits")
    )
    across = np.stack([np.tile(x[:-1], rows), np.tile(x[1:], rows)], axis=1)
    down = np.stack([np.repeat(y[:-1], columns), np.repeat(y[1:], columns)], axis=1)
    return box_of_edges(x_logits, y_logits, across, down)


def _center_size(maps: Any, x: np.ndarray, y: np.ndarray) -> Any:
    import keras

    rows, columns = maps.shape[1:3]
    dtype, layers = float_type(), keras.layers
    logits = layers.Conv2D(1, 1, name="bbox_heat_logits", dtype=dtype)(maps)
    flat = layers.Flatten(dtype=dtype)(logits)
    heat = layers.Softmax(name="bbox_heat", dtype=dtype)(flat)
    centers = np.stack([np.tile(middle(x), rows), np.repeat(middle(y), columns)], axis=1)
    mean = layers.Dense(2, use_bias=False, kernel_initializer="zeros", trainable=False, name="bbox_center", dtype=dtype)
    center = fixed(mean, heat, kernel=centers)
    sizes = layers.Conv2D(2, 1, activation="sigmoid", name="bbox_sizes", dtype=dtype)(maps)
    size = layers.Dot(axes=1, name="bbox_size", dtype=dtype)(
        [heat, layers.Reshape((rows * columns, 2), dtype=dtype)(sizes)]
    )
    return box_around(center, size)


def middle(borders: np.ndarray) -> np.ndarray:
    """Return the middle of each cell, from the borders of cells (n + 1,): (n,)."""
    return np.asarray((borders[:-1] + borders[1:]) / 2)

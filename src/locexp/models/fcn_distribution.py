"""``model=fcn_distribution``: each edge has a probability over positions, whose mean is the edge."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from locexp.bounds import checked
from locexp.models.edges import box_of_edges, pair
from locexp.models.fcn import cell_edges, fully_convolutional
from locexp.models.fixed import fixed, float_type
from locexp.models.keys import Coordinates, Dropout, Filters, Normalization, Stride
from locexp.models.trunk import check_shared_with_filters


@checked("model", check_shared_with_filters)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Filters = (24, 48, 96),
    stride: Stride = 2,
    bins: Annotated[int, Ge(2)] | None = None,
    normalization: Normalization = "batch",
    dropout: Dropout = 0.3,
    coordinates: Coordinates = "none",
    shared: int | str = "all",
) -> Any:
    """Build a residual trunk, a pooled classifier, and distributions of the box's edges.

    The fine maps are summed up column by column for the left and right edge, row by row for the top and bottom edge;
    convolutions along them give a logit for each border between two cells, the two ends of the canvas among them. The
    box can neither be inverted nor leave the canvas. The spread of the distributions says how sure the network is of
    an edge: :mod:`locexp.models.spread`. After Li et al. 2020, 2006.04388.

    Args:
        filters, stride: see :func:`locexp.models.stages.residual_stages`.
        bins: positions that an edge's distribution is over, evenly from one end of the canvas to the other, to which
            the logits are interpolated; >= 2, or ``None`` for one at each border of the cells.
        dropout: rate before the softmax head, in [0, 1). The others: see :mod:`locexp.models.keys`.

    Raises:
        UserError: out of range, or the image is too small for so many stages.
    """
    height, width = input_shape[:2]

    def box(maps: Any) -> Any:
        rows, columns = maps.shape[1:3]
        x_logits, x = _logits(maps, "bbox_columns", cell_edges(columns, stride, width), bins)
        y_logits, y = _logits(maps, "bbox_rows", cell_edges(rows, stride, height), bins)
        return box_of_edges(x_logits, y_logits, pair(x), pair(y))

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
        name="fcn_distribution",
    )


def _logits(maps: Any, name: str, borders: np.ndarray, bins: int | None) -> tuple[Any, np.ndarray]:
    """Return logits (n, positions, 2) of two opposite edges, and the positions: one at each border, or ``bins``."""
    import keras

    dtype, layers = float_type(), keras.layers
    rows, columns, channels = maps.shape[1:]
    window, cells = ((rows, 1), columns) if name == "bbox_columns" else ((1, columns), rows)
    pools = [
        layers.MaxPooling2D(window, name=f"{name}_max")(maps),
        layers.AveragePooling2D(window, name=f"{name}_mean")(maps),
    ]
    profile = layers.Reshape((cells, 2 * channels), name=f"{name}_profile")(layers.Concatenate()(pools))
    # Two cells wide, on a profile with an empty cell at either end: one value for each border between two cells.
    padded = layers.ZeroPadding1D(1, name=f"{name}_padded")(profile)
    between = layers.Conv1D(channels, 2, activation="relu", kernel_initializer="he_normal", name=f"{name}_borders")
    logits = layers.Conv1D(2, 3, padding="same", name=f"{name}_logits", dtype=dtype)(between(padded))
    if bins is None:
        return logits, borders
    positions = np.linspace(0, 1, bins)
    resampled = layers.EinsumDense(
        "nbe,bp->npe", (bins, 2), kernel_initializer="zeros", trainable=False, name=f"{name}_resampled", dtype=dtype
    )
    return fixed(resampled, logits, kernel=interpolation(borders, positions)), positions


def interpolation(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the matrix (given, wanted) that interpolates linearly from values at given to wanted positions."""
    return np.stack([np.interp(wanted, given, row) for row in np.eye(len(given))])

"""The two heads of a network, made of plain Keras layers so that every format keeps them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from locexp.bounds import checked
from locexp.models.edges import box_of_edges, pair
from locexp.models.fixed import float_type

BoxHead = Literal["corners", "ordered_corners", "center_size", "distribution"]
POSITIONS = 33
"""How many positions ``distribution`` tells apart in each direction, both ends of the canvas among them."""


@checked("model")
def heads(
    features: Any, num_classes: int, bbox_head: BoxHead = "corners", *, bbox_features: Any | None = None
) -> dict[str, Any]:
    """Return the outputs ``classification`` (softmax) and ``bbox`` (normalised xyxy) on features (n, units).

    Args:
        features: what both heads share, or those of the class alone.
        num_classes: units of the softmax.
        bbox_head: how numbers become a box, σ the sigmoid. ``corners``: σ of each of four; a box can be inverted.
            ``ordered_corners``: (x1, y1) = σ(a), (x2, y2) = (x1, y1) + (1 - (x1, y1))·σ(b); a box cannot be inverted
            and cannot leave the canvas. ``center_size``: σ(a) ∓ σ(b)/2; it cannot be inverted, but it can leave the
            canvas. ``distribution``: each edge is the expectation of a softmax over positions, see
            :func:`locexp.models.edges.box_of_edges`; it cannot be inverted and cannot leave the canvas.
        bbox_features: (n, units) for the box, where it has its own.

    Raises:
        UserError: another ``bbox_head``.
    """
    classification = classification_head(features, num_classes)
    box = box_head(features if bbox_features is None else bbox_features, bbox_head)
    return {"classification": classification, "bbox": box}


def classification_head(features: Any, num_classes: int) -> Any:
    """Return probabilities (n, num_classes) on features (n, units)."""
    import keras

    return keras.layers.Dense(num_classes, activation="softmax", name="classification", dtype=float_type())(features)


def box_head(features: Any, bbox_head: str) -> Any:
    """Return boxes (n, 4), normalised xyxy, on features (n, units); see :func:`heads`."""
    import keras

    dtype, layers = float_type(), keras.layers
    if bbox_head == "corners":
        return layers.Dense(4, activation="sigmoid", name="bbox", dtype=dtype)(features)
    if bbox_head == "distribution":
        positions = pair(np.linspace(0, 1, POSITIONS))
        columns, rows = (
            layers.Reshape((POSITIONS, 2), dtype=dtype)(layers.Dense(2 * POSITIONS, name=name, dtype=dtype)(features))
            for name in ("bbox_columns_logits", "bbox_rows_logits")
        )
        return box_of_edges(columns, rows, positions, positions)
    names = ("bbox_low", "bbox_share") if bbox_head == "ordered_corners" else ("bbox_center", "bbox_size")
    first, second = (layers.Dense(2, activation="sigmoid", name=name, dtype=dtype)(features) for name in names)
    if bbox_head == "ordered_corners":
        rest = layers.Rescaling(-1.0, offset=1.0, dtype=dtype)(first)
        low, high = first, layers.Add(dtype=dtype)([first, layers.Multiply(dtype=dtype)([rest, second])])
        return layers.Concatenate(name="bbox", dtype=dtype)([low, high])
    return box_around(first, second)


def box_around(center: Any, size: Any) -> Any:
    """Return boxes (n, 4), normalised xyxy, from their centres and sizes, each (n, 2)."""
    import keras

    dtype, layers = float_type(), keras.layers
    half = layers.Rescaling(0.5, dtype=dtype)(size)
    low, high = layers.Subtract(dtype=dtype)([center, half]), layers.Add(dtype=dtype)([center, half])
    return layers.Concatenate(name="bbox", dtype=dtype)([low, high])

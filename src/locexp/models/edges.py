"""Boxes from distributions: each edge is the expectation of a probability over positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.models.fixed import fixed, float_type

COLUMNS, ROWS = "bbox_columns", "bbox_rows"
"""The layers that hold the probabilities: (n, positions, 2), of the left and right, and of the top and bottom edge."""
X, Y = "bbox_x", "bbox_y"
"""The layers that take the expectations: (n, 2); their kernels hold the positions."""


def box_of_edges(columns: Any, rows: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Return boxes (n, 4), normalised xyxy, from logits of where their edges are.

    Each edge is the expectation of its position under the softmax of its logits; the smaller of two opposite edges is
    the low one. With positions in [0, 1] a box can neither be inverted nor leave the canvas, and its edges move
    smoothly between the positions. Soft-argmax: Luvizon et al. 2017, 1710.02322; distributions of edges: Li et al.
    2020, 2006.04388.

    Args:
        columns: logits of the left and right edge, (n, positions, 2).
        rows: likewise of the top and bottom edge; it may have another number of positions.
        x: where the logits of ``columns`` are, normalised by the width: (positions, 2).
        y: where those of ``rows`` are, normalised by the height.
    """
    import keras

    dtype, layers = float_type(), keras.layers
    pairs = []
    for logits, positions, names in ((columns, x, (COLUMNS, X)), (rows, y, (ROWS, Y))):
        probabilities = layers.Softmax(axis=1, name=names[0], dtype=dtype)(logits)
        mean = layers.EinsumDense(
            "npe,pe->ne", 2, kernel_initializer="zeros", trainable=False, name=names[1], dtype=dtype
        )
        pairs.append(layers.Reshape((1, 2), dtype=dtype)(fixed(mean, probabilities, kernel=positions)))
    both = layers.Permute((2, 1), dtype=dtype)(layers.Concatenate(axis=1, dtype=dtype)(pairs))  # ((x, y), (x, y))
    one, other = layers.Cropping1D((0, 1), dtype=dtype)(both), layers.Cropping1D((1, 0), dtype=dtype)(both)
    ends = [layers.Minimum(dtype=dtype)([one, other]), layers.Maximum(dtype=dtype)([one, other])]
    box = layers.Flatten(name="bbox_flat", dtype=dtype)(layers.Concatenate(axis=1, dtype=dtype)(ends))
    # Probabilities may sum to a little more than 1: the canvas ends where it ends.
    return layers.ReLU(max_value=1.0, name="bbox", dtype=dtype)(box)


def pair(positions: np.ndarray) -> np.ndarray:
    """Return positions (n,) once for each of two opposite edges: (n, 2)."""
    return np.stack([positions, positions], axis=1)

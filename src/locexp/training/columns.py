"""Which column is what, in the two tensors that a training step hands out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locexp.evaluation.metrics import Predictions
from locexp.keras_protocols import Tensor

BOXES, TRUTH, CLASSIFICATION_LOSS, BBOX_LOSS = slice(-10, -6), slice(-6, -2), -2, -1
"""Of a row of predictions; counted from its end, because the probabilities before them are as many as the classes."""
PROBABILITIES = slice(None, BOXES.start)

WEIGHTS, GRAMIAN = slice(0, 2), slice(2, 5)
"""Of a row of step weights: the effective weights of classification and box, and the gradients' Gramian."""
STEP_WEIGHTS = GRAMIAN.stop
"""How many columns it has."""


def pack(probabilities: Tensor, boxes: Tensor, truth: Tensor, losses: Sequence[Tensor]) -> Tensor:
    """Join predictions (n, classes), boxes and true boxes (n, 4) and both losses (n,) to rows (n, classes + 10)."""
    import tensorflow as tf

    return tf.concat([probabilities, boxes, truth, *(loss[:, tf.newaxis] for loss in losses)], axis=1)


def unpack(rows: np.ndarray, labels: np.ndarray, canvas: tuple[int, int]) -> Predictions:
    """Return what :func:`pack` joined, as views of the rows.

    Args:
        rows: (n, classes + 10).
        labels: true classes, (n,).
        canvas: (width, height) in pixels.
    """
    return Predictions(
        probabilities=rows[:, PROBABILITIES],
        boxes=rows[:, BOXES],
        labels=labels,
        truth=rows[:, TRUTH],
        classification_loss=rows[:, CLASSIFICATION_LOSS],
        bbox_loss=rows[:, BBOX_LOSS],
        canvas=canvas,
    )


def constant_step_weights(weights: Sequence[float], steps: int) -> np.ndarray:
    """Return rows (steps, 5) of a method whose weights never change and that looks at no gradient."""
    return np.tile([*weights, *[np.nan] * (GRAMIAN.stop - GRAMIAN.start)], (steps, 1))

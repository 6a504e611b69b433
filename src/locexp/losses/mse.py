"""Mean squared error of the four coordinates: the classic script's box loss."""

from __future__ import annotations

from typing import Any


def mse(ground_truth: Any, prediction: Any) -> Any:
    """Return the mean over the coordinates of the squared difference: (n,)."""
    from keras import ops

    return ops.mean(ops.square(ground_truth - prediction), axis=-1)

"""Mean absolute error of the four coordinates."""

from __future__ import annotations

from typing import Any


def mae(ground_truth: Any, prediction: Any) -> Any:
    """Return the mean over the coordinates of the absolute difference: (n,)."""
    from keras import ops

    return ops.mean(ops.abs(ground_truth - prediction), axis=-1)

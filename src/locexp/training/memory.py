"""How much memory a member of a stack takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

COPIES = 6
"""Of each parameter: itself, its gradient, two moments of the optimizer, the kept weights, and the reloaded network."""
PASSES = 3
"""Of each layer's output: forward, its gradient, and what a convolution makes room for."""


def member_bytes(model: keras.Model, dtype: str, batch_size: int, examples: int) -> int:
    """Return an estimate of the bytes that a member takes in training, on the safe side.

    Args:
        model: its network.
        dtype: of its losses, ``float32`` or ``float64``; what mixed precision saves is not counted.
        batch_size: examples per step.
        examples: of the training part; the prediction for each is kept until the epoch ends.
    """
    import keras

    def numbers(tensors: Iterable[keras.KerasTensor]) -> int:
        return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)

    def outputs(network: keras.Model) -> Iterator[keras.KerasTensor]:
        for layer in network.layers:
            if isinstance(layer, keras.Model):
                yield from outputs(layer)
            elif hasattr(layer, "output"):
                yield from keras.tree.flatten(layer.output)

    activations = numbers(outputs(model))
    predictions = numbers(model.outputs) + 2
    return np.dtype(dtype).itemsize * (
        COPIES * model.count_params() + PASSES * activations * batch_size + 2 * predictions * examples
    )

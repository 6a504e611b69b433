"""All that locexp uses of Keras and TensorFlow that they do not promise to keep, each with its reason.

``tests/test_keras_internals.py`` says what broke when a new release changes one of these. A run goes on: without
:func:`adam_moments` Keras's own update is used (``training.fused``), without :func:`rebind` each member has a graph of
its own (``training.program``), without :func:`application_of` a network's operations are not counted
(``models.costs``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

ALIGNMENT = 64
"""Bytes: where TensorFlow wants tensors to begin."""


def rebind(graph: Any, tensors: Sequence[tf.Tensor]) -> None:
    """Let a traced function read and change other variables than those it was traced with.

    ``ConcreteFunction.set_external_captures`` is public by its name but not in TensorFlow's documented API. Without it,
    each member would need a trace of its own; Keras's stateless optimizers, the documented way, do not exist on the
    TensorFlow backend.

    Args:
        graph: a ``tf.types.experimental.ConcreteFunction``.
        tensors: in place of its ``captured_inputs``, in their order, of the same types and shapes.
    """
    graph.set_external_captures(list(tensors))


def tensor_of(array: np.ndarray) -> tf.Tensor:
    """Return a large array as a tensor, copied once.

    ``tf.constant`` copies twice, so that for a moment memory holds it three times. DLPack, which TensorFlow documents,
    hands memory over as it is; that TensorFlow then wants it aligned is not documented.
    """
    import tensorflow as tf

    room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    aligned = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    aligned[...] = array
    tensor = tf.experimental.dlpack.from_dlpack(aligned.__dlpack__())
    return tf.identity(tensor) if tf.config.list_logical_devices("GPU") else tensor  # to where it is used


def adam_moments(optimizer: Any, variable: tf.Variable) -> tuple[tf.Variable, tf.Variable]:
    """Return the first and second moment that a built Keras Adam keeps for a variable.

    ``Optimizer.variables`` has them, too, but in an order and under names that Keras has changed before.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index].value, optimizer._velocities[index].value


def keeps_moments(optimizer: Any) -> bool:
    """Return whether :func:`adam_moments` finds what it looks for in a built Adam."""
    return all(hasattr(optimizer, name) for name in ("_get_variable_index", "_momentums", "_velocities"))


def application_of(tensor: Any) -> tuple[Any, int, Sequence[Any], Sequence[Any]]:
    """Return which application of a layer in a functional model made a symbolic tensor.

    ``Layer.input`` and ``Layer.output`` are of a layer's only application; of a layer that is applied twice, Keras says
    nothing else.

    Returns:
        The layer, how many applications it had before, and the tensors that went in and came out.
    """
    layer, number, _ = tensor._keras_history
    node = layer._inbound_nodes[number]
    return layer, number, node.input_tensors, node.output_tensors

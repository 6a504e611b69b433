"""What locexp asks of Keras's variables, optimizers and models, as protocols: Keras comes without types.

Their attributes are only read, but for :attr:`Model.optimizer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

Tensor: TypeAlias = "tf.Tensor"
"""For annotations in modules that do not import TensorFlow."""


class Variable(Protocol):
    """A ``keras.Variable``."""

    name: str
    """Its own name, such as ``kernel``."""
    path: str
    """Its name with those of the layers that it is in, such as ``conv2d/kernel``."""
    shape: tuple[int, ...]
    value: tf.Variable
    """TensorFlow's variable behind it."""

    def assign(self, value: Any) -> Any:
        """Give it another value of its shape."""

    def numpy(self) -> np.ndarray:
        """Return its value."""


class Optimizer(Protocol):
    """A ``keras.optimizers.Optimizer``."""

    variables: Sequence[Variable]
    """All state: the number of steps, the learning rate, and what is kept of each trained variable."""

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for the variables that will be trained."""

    def apply(self, grads: Sequence[tf.Tensor | None], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Take one step."""

    def exclude_from_weight_decay(self, var_list: Sequence[Variable] | None = None) -> None:
        """Leave variables out of the decay of weights; before :meth:`build`."""


class Model(Protocol):
    """A ``keras.Model`` with the outputs ``classification`` (n, classes) and ``bbox`` (n, 4)."""

    optimizer: Optimizer | None
    input_shape: tuple[int | None, ...]
    """(None, height, width, channels)."""
    compute_dtype: str
    """The type that layers compute in."""
    losses: Sequence[tf.Tensor]
    """Further losses of the last call, such as penalties on weights: scalars."""
    variables: Sequence[Variable]
    """All state, that of random seeds as well."""
    weights: Sequence[Variable]
    """What is saved: :attr:`variables` without those of random seeds."""
    trainable_variables: Sequence[Variable]
    """What gradients train."""

    def __call__(self, inputs: tf.Tensor, *, training: bool) -> Mapping[str, tf.Tensor]:
        """Return both outputs for images (n, height, width, channels) scaled to [0, 1]."""

    def get_weights(self) -> list[np.ndarray]:
        """Return the values of :attr:`weights`."""

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Give :attr:`weights` other values."""

"""A tiny two-headed network on a few random images, and stacks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

EXAMPLES, BATCH, CLASSES = 48, 8, 3
STATIC = (2.0, 3.0)
"""Static weights other than 1, so that a method that ignores them is found out."""
DECAY = 0.01
"""Of an L2 penalty on the first layer: a further loss, which no method weights."""


def network(dropout: float = 0.0, shared: bool = True) -> Any:
    """Two shared layers of tanh and two heads; or, not ``shared``, one layer for each head."""
    import keras
    from keras import layers

    image = keras.Input((4, 4, 1))
    flat = layers.Flatten()(image)

    def body(name: str) -> Any:
        regularizer = keras.regularizers.L2(DECAY) if shared else None
        made = layers.Dense(6, "tanh", name=f"{name}1", kernel_regularizer=regularizer)(flat)
        made = layers.Dense(5, "tanh", name=f"{name}2")(made)
        return layers.Dropout(dropout)(made) if dropout else made

    first = body("trunk")
    second = first if shared else body("other")
    return keras.Model(
        image,
        {
            "classification": layers.Dense(CLASSES, "softmax", name="classification")(first),
            "bbox": layers.Dense(4, name="bbox")(second),
        },
    )


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images uint8 (n, 4, 4), labels (n,) and boxes (n, 4)."""
    random = np.random.default_rng(2)
    return (
        random.integers(0, 256, (EXAMPLES, 4, 4)).astype(np.uint8),
        random.integers(0, CLASSES, EXAMPLES),
        random.uniform(0, 1, (EXAMPLES, 4)),
    )


def batches(epochs: int) -> np.ndarray:
    """Return which examples each step sees: int32 (epochs, steps, batch)."""
    random = np.random.default_rng(4)
    orders = [random.permutation(EXAMPLES).reshape(-1, BATCH) for _ in range(epochs)]
    return np.stack(orders).astype(np.int32)


def stack(
    methods: Sequence[Callable[[], Any]],
    dtype: str = "float32",
    *,
    seeds: Sequence[int] | None = None,
    static: tuple[float, float] = STATIC,
    build_model: Callable[[], Any] = network,
    optimizer: Callable[[], Any] | None = None,
) -> Any:
    """Return a stack with one member a method, equal in all else."""
    import keras

    from locexp.training.member import Member
    from locexp.training.stack import Stack

    members = []
    for method, seed in zip(methods, seeds or [0] * len(methods), strict=True):
        keras.utils.set_random_seed(seed)
        made = optimizer() if optimizer else keras.optimizers.SGD(0.1)
        members.append(Member(seed, build_model(), made, static, dtype=dtype, weighting=method()))
    return Stack(members, *data())


def train_epoch(stack: Any, order: np.ndarray) -> np.ndarray:
    """Train all members on the same batches (steps, batch), and tell their methods what an epoch tells.

    Returns the rows of the steps: (members, steps, 5).
    """
    count = len(stack.members)
    for member in stack.members:
        member.step_weights.clear()
    made = stack.train_steps(np.tile(order, (count, 1, 1)))
    for member, part in zip(stack.members, made, strict=True):
        static = [weight.numpy() for weight in member.loss_weights]
        losses = part.classification_loss, part.bbox_loss
        means = [float((own * loss).mean()) for own, loss in zip(static, losses, strict=True)]
        member.weighting.after_epoch((means[0], means[1]))
    return np.stack([np.concatenate(member.step_weights) for member in stack.members])


@pytest.fixture(scope="module")
def in_float64() -> Iterator[None]:
    """Keras in float64 for a module."""
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(precision="float64")
    yield
    start_tensorflow()

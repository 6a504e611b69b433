"""Which of a network's variables both heads share: what weighting methods on gradients look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import tensorflow as tf

from locexp.errors import UserError
from locexp.keras_protocols import Model
from locexp.losses.weighting.base import GradientWeighting, Weighting

T = TypeVar("T")


@dataclass(frozen=True)
class Trunk:
    """Which of a network's trainable variables both heads share.

    Attributes:
        shared: for each variable, whether both heads' outputs depend on it.
        chosen: for each, whether it counts as trunk: shared, and named by the method where that names some.
        last: for each, whether it belongs to the last shared layer.
    """

    shared: list[bool]
    chosen: list[bool]
    last: list[bool]


def find_trunk(model: Model, method: Weighting) -> Trunk | None:
    """Find what both heads share, from which output depends on what; ``None`` where they share nothing.

    Raises:
        UserError: the heads share nothing, and the method needs what they share; or its patterns match nothing.
    """
    variables = model.trainable_variables
    values = [variable.value for variable in variables]
    # Two images: for one, TensorFlow 2.21 with oneDNN writes beyond its memory in some 1x1 convolutions with strides.
    image = tf.zeros((2, *model.input_shape[1:]), model.compute_dtype)
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(image, training=False)
        heads = [tf.reduce_sum(tf.cast(outputs[name], tf.float32)) for name in ("classification", "bbox")]
    first, second = ([gradient is not None for gradient in tape.gradient(head, values)] for head in heads)
    shared = [one and other for one, other in zip(first, second, strict=True)]
    if not any(shared):
        if not needs_trunk(method):
            return None
        raise UserError(
            f"loss/weighting: {type(method).__name__} weighs the gradients of layers that both heads share, and this "
            "network has none. Use a method on losses, such as loss/weighting=fixed."
        )
    paths = [variable.path for variable in variables]
    common = [path for path, both in zip(paths, shared, strict=True) if both]
    named = iter(method.chosen(common) if isinstance(method, GradientWeighting) else [True] * len(common))
    layer = common[-1].rpartition("/")[0]
    return Trunk(
        shared=shared,
        chosen=[both and next(named) for both in shared],
        last=[both and path.rpartition("/")[0] == layer for path, both in zip(paths, shared, strict=True)],
    )


def needs_trunk(method: Weighting) -> bool:
    """Return whether a method looks at gradients."""
    return method.norms or isinstance(method, GradientWeighting)


def pick(values: Sequence[T], chosen: Sequence[bool]) -> list[T]:
    """Return the chosen ones of some values."""
    return [value for value, wanted in zip(values, chosen, strict=True) if wanted]

"""The gradients of one step, as the member's weighting method wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import tensorflow as tf

from locexp.errors import UserError
from locexp.keras_protocols import Model
from locexp.losses.weighting.base import GradientWeighting, Gramian, Weighting

if TYPE_CHECKING:
    from locexp.training.member import Member

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
    chosen = dict.fromkeys(common, True)
    if isinstance(method, GradientWeighting):
        chosen = dict(zip(common, method.chosen(common), strict=True))
    layer = common[-1].rpartition("/")[0]
    return Trunk(
        shared=shared,
        chosen=[chosen.get(path, False) for path in paths],
        last=[both and path.rpartition("/")[0] == layer for path, both in zip(paths, shared, strict=True)],
    )


def needs_trunk(method: Weighting) -> bool:
    """Return whether a method looks at gradients."""
    return method.norms or isinstance(method, GradientWeighting)


@dataclass(frozen=True)
class Weighted:
    """The gradients of a step.

    Attributes:
        gradients: one per trainable variable of the network, then of the method, of its shape; ``None`` where no loss
            depends on it.
        weights: what multiplied the gradients of the two statically weighted losses in the trunk (of this step, where a
            method smooths them over steps): two scalars.
        gramian: of those gradients, as the method saw them: scalars; not a number where it looked at none.
    """

    gradients: list[tf.Tensor | None]
    weights: tuple[tf.Tensor, tf.Tensor]
    gramian: Gramian


def weigh(member: Member, tape: tf.GradientTape, losses: Sequence[tf.Tensor], extra: Sequence[tf.Tensor]) -> Weighted:
    """Return the gradients of a step, as the member's method wants them.

    Args:
        member: whose network made the losses.
        tape: which recorded them; persistent where :func:`needs_trunk`.
        losses: both, statically weighted, scalars.
        extra: further losses, such as a network's regularisation, with weight 1: scalars.
    """
    if isinstance(member.weighting, GradientWeighting):
        return _by_gradients(member, member.weighting, tape, losses, extra)
    return _by_losses(member, tape, losses, extra)


def gramian_of(first: Sequence[tf.Tensor], second: Sequence[tf.Tensor]) -> Gramian:
    """Return the Gramian (scalars) of two gradients, each given as one tensor per variable."""

    def dot(one: Sequence[tf.Tensor], other: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.add_n([tf.reduce_sum(x * y) for x, y in zip(one, other, strict=True)])

    return Gramian(dot(first, first), dot(first, second), dot(second, second))


def pick(values: Sequence[T], chosen: Sequence[bool]) -> list[T]:
    """Return the chosen ones of some values."""
    return [value for value, wanted in zip(values, chosen, strict=True) if wanted]


def _by_losses(
    member: Member, tape: tf.GradientTape, losses: Sequence[tf.Tensor], extra: Sequence[tf.Tensor]
) -> Weighted:
    """The losses are combined; the derivatives of the combination are the effective weights."""
    method = member.weighting
    state = [variable.value for variable in method.trainable_variables]
    with tf.GradientTape() as inner:
        inner.watch(losses)
        total = method.combine(losses)
    first, second, *slopes = inner.gradient(total, [*losses, *state])
    values = [variable.value for variable in member.model.trainable_variables]
    seeds = [first, second, *(tf.ones_like(loss) for loss in extra)]
    gradients = tape.gradient([*losses, *extra], values, output_gradients=seeds)
    gramian = Gramian(*[tf.constant(float("nan"), losses[0].dtype)] * 3)
    if method.norms:
        assert member.trunk is not None
        last = pick(values, member.trunk.last)
        gramian = gramian_of(*(tape.gradient(loss, last) for loss in losses))
        method.after_gradients([tf.sqrt(gramian.a), tf.sqrt(gramian.c)], losses)
    return Weighted([*gradients, *slopes], (first, second), gramian)


def _by_gradients(
    member: Member,
    method: GradientWeighting,
    tape: tf.GradientTape,
    losses: Sequence[tf.Tensor],
    extra: Sequence[tf.Tensor],
) -> Weighted:
    """The trunk follows the weighted sum of both gradients; each head its own."""
    trunk = member.trunk
    assert trunk is not None
    values = [variable.value for variable in member.model.trainable_variables]
    given = list(losses)
    with tape:  # what a method makes of the losses is recorded, too
        losses = method.transform_losses(given)
    slopes = [tape.gradient(loss, before) for loss, before in zip(losses, given, strict=True)]
    first, second = (tape.gradient(loss, values) for loss in losses)
    pair = method.transform_gradients(pick(first, trunk.chosen), pick(second, trunk.chosen))
    gramian = gramian_of(*pair)
    weights = method.trunk_weights(gramian)
    weighed = iter([_sum(weights, both) for both in zip(*pair, strict=True)])
    outside = weights if method.heads == "weighted" else (tf.ones_like(weights[0]), tf.ones_like(weights[1]))
    gradients = [
        next(weighed) if chosen else _sum(outside, both)
        for chosen, *both in zip(trunk.chosen, first, second, strict=True)
    ]
    if extra:
        further = tape.gradient(tf.add_n(extra), values)
        gradients = [
            one if more is None else more if one is None else one + more
            for one, more in zip(gradients, further, strict=True)
        ]
    return Weighted(gradients, (weights[0] * slopes[0], weights[1] * slopes[1]), gramian)


def _sum(weights: tuple[tf.Tensor, tf.Tensor], gradients: Sequence[tf.Tensor | None]) -> tf.Tensor | None:
    parts = [
        tf.cast(weight, gradient.dtype) * gradient
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    ]
    if not parts:
        return None  # neither head uses the variable
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]

"""The gradients of one step, as the member's weighting method wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from locexp.losses.weighting.base import GradientWeighting, Gramian
from locexp.training.member import Member
from locexp.training.trunk import pick


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
        tape: which recorded them; persistent where :func:`locexp.training.trunk.needs_trunk`.
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


def _by_losses(
    member: Member, tape: tf.GradientTape, losses: Sequence[tf.Tensor], extra: Sequence[tf.Tensor]
) -> Weighted:
    """The losses are combined; the derivatives of the combination are the effective weights."""
    method = member.weighting
    state = [variable.value for variable in method.trainable_variables]
    with tf.GradientTape() as inner:
        inner.watch(losses)
        total = method.combine(losses)
    classification, box, *method_gradients = inner.gradient(total, [*losses, *state])
    values = [variable.value for variable in member.model.trainable_variables]
    factors = [classification, box, *(tf.ones_like(loss) for loss in extra)]
    gradients = tape.gradient([*losses, *extra], values, output_gradients=factors)
    gramian = Gramian(*[tf.constant(float("nan"), losses[0].dtype)] * 3)
    if method.norms:
        assert member.trunk is not None
        last = pick(values, member.trunk.last)
        gramian = gramian_of(*(tape.gradient(loss, last) for loss in losses))
        method.after_gradients([tf.sqrt(gramian.a), tf.sqrt(gramian.c)], losses)
    return Weighted([*gradients, *method_gradients], (classification, box), gramian)


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
    with tape:  # what a method makes of the losses is recorded, too
        transformed = method.transform_losses(losses)
    loss_scale = [tape.gradient(after, before) for after, before in zip(transformed, losses, strict=True)]
    classification, box = (tape.gradient(loss, values) for loss in transformed)
    pair = method.transform_gradients(pick(classification, trunk.chosen), pick(box, trunk.chosen))
    gramian = gramian_of(*pair)
    weights = method.trunk_weights(gramian)
    in_trunk = iter([_sum(weights, both) for both in zip(*pair, strict=True)])
    outside = weights if method.heads == "weighted" else (tf.ones_like(weights[0]), tf.ones_like(weights[1]))
    gradients = [
        next(in_trunk) if chosen else _sum(outside, both)
        for chosen, *both in zip(trunk.chosen, classification, box, strict=True)
    ]
    if extra:
        further = tape.gradient(tf.add_n(extra), values)
        gradients = [
            one if more is None else more if one is None else one + more
            for one, more in zip(gradients, further, strict=True)
        ]
    return Weighted(gradients, (weights[0] * loss_scale[0], weights[1] * loss_scale[1]), gramian)


def _sum(weights: tuple[tf.Tensor, tf.Tensor], gradients: Sequence[tf.Tensor | None]) -> tf.Tensor | None:
    parts = [
        tf.cast(weight, gradient.dtype) * gradient
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    ]
    if not parts:
        return None  # neither head uses the variable
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]

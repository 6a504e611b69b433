"""One step of one member, as operations in a graph: forward, weigh, update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from locexp.training.gradients import needs_trunk, pick, products, weigh
from locexp.training.member import Member

Data = tuple[Any, Any, Any]
"""Images (uint8, (n, height, width)), labels (int32, (n,)) and boxes ((n, 4)): all examples, or those of a batch."""


@dataclass(frozen=True)
class Forward:
    """What a network says of a batch: probabilities, boxes, and the two unweighted losses of each example."""

    probabilities: Any
    boxes: Any
    losses: tuple[Any, Any]

    def packed(self) -> Any:
        """Return one row an example, so that a step hands out a single tensor: (batch, classes + 4 + 2)."""
        return tf.concat([self.probabilities, self.boxes, *(loss[:, tf.newaxis] for loss in self.losses)], axis=1)


def forward(member: Member, batch: Data, dtype: tf.DType, *, training: bool) -> Forward:
    """Show a batch to a member; targets and losses have ``dtype``."""
    from keras.losses import sparse_categorical_crossentropy

    images, labels, boxes = batch
    scaled = tf.cast(images, dtype)[..., tf.newaxis] / tf.constant(255, dtype)
    outputs = member.model(scaled, training=training)
    probabilities = tf.cast(outputs["classification"], dtype)
    predicted = tf.cast(outputs["bbox"], dtype)
    losses = sparse_categorical_crossentropy(labels, probabilities), member.box_loss(boxes, predicted)
    return Forward(probabilities, predicted, losses)


def gathered(data: Data, indices: Any) -> Data:
    """Return the examples with these indices."""
    images, labels, boxes = (tf.gather(values, indices) for values in data)
    return images, labels, boxes


def train_step(member: Member, batch: Data, dtype: tf.DType) -> tuple[Any, Any | None]:
    """Train a member on a batch.

    Returns:
        What it said before the update, packed; and, where its method is not constant, what the losses were weighted
        with, and the gradients' a, b, c: (5,).
    """
    method = member.weighting
    with tf.GradientTape(persistent=needs_trunk(method)) as tape:
        made = forward(member, batch, dtype, training=True)
        losses = weighted(member, made)
        extra = [tf.cast(tf.add_n(member.model.losses), dtype)] if member.model.losses else []
        total = tf.add_n([method.combine(losses), *extra]) if method.constant else None
    variables = [*member.model.trainable_variables, *method.trainable_variables]
    if method.constant:
        gradients = tape.gradient(total, [variable.value for variable in variables])
        member.optimizer.apply(gradients, variables)
        return made.packed(), None
    found = weigh(method, member.trunk, member.model, tape, losses, extra)
    member.optimizer.apply([*found.network, *found.state], variables)
    if method.after:
        method.after_step(losses, weighted(member, forward(member, batch, dtype, training=True)))
    weights = [tf.cast(weight, dtype) * own for weight, own in zip(found.weights, _static(member), strict=True)]
    return made.packed(), tf.stack([*weights, *(tf.cast(value, dtype) for value in found.products)])


def weighted(member: Member, made: Forward) -> list[Any]:
    """Return the means of the two losses over the batch, statically weighted."""
    return [weight * tf.reduce_mean(loss) for weight, loss in zip(_static(member), made.losses, strict=True)]


def trunk_products(member: Member, batch: Data, dtype: tf.DType) -> Any:
    """Return a, b, c of the statically weighted losses' gradients in the shared trunk: (3,); nothing is trained."""
    assert member.trunk is not None
    with tf.GradientTape(persistent=True) as tape:
        losses = weighted(member, forward(member, batch, dtype, training=False))
    values = pick([variable.value for variable in member.model.trainable_variables], member.trunk.shared)
    return tf.stack(products(*(tape.gradient(loss, values) for loss in losses)))


def _static(member: Member) -> Sequence[Any]:
    return member.classification_weight.value, member.bbox_weight.value
